%% SPDX-License-Identifier: MIT

%% What the adapters for Erlang clients share: plans from stdin, events out, and nothing else. No
%% retry, no mapping: what the adapter's send/2 returns ends the request, and what it throws ends the
%% process.
%%
%% An adapter is a module with client/0, open/1, send/3 and close/1:
%%   client() -> #{name, version, stack => [{Name, Version}], can => #{...}}
%%   open(Plan) -> Session
%%   send(Session, Request, Report) -> {ok, Body} | {failed, Kind, Reason, Body}   (Body: binary or none)
-module(adapterkit).
-export([main/1, response/4, interim/3, timer/2, text/1]).

-define(PLAN_KEYS, [<<"v">>, <<"plan">>, <<"http">>, <<"timers">>, <<"ca_file">>, <<"proxy">>,
                    <<"body_limit">>, <<"requests">>]).
-define(REQUEST_KEYS, [<<"name">>, <<"method">>, <<"url">>, <<"headers">>, <<"body_b64">>,
                       <<"body_pause_ms">>, <<"expect_continue">>, <<"start">>,
                       <<"not_before_ms">>, <<"timers">>]).

%% Says hello, then plays the plans of stdin one at a time, until its end.
main(Module) ->
    Out = case os:getenv("INTERIMSPEC_OUT") of
              false -> {user, "@interimspec "};
              Path ->
                  {ok, File} = file:open(Path, [append, raw]),
                  {File, ""}
          end,
    ok = io:setopts(standard_io, [binary, {encoding, latin1}]),
    #{name := Name, version := Version, stack := Stack, can := Able} = Module:client(),
    Can = maps:merge(least_can(), Able),
    Layers = [#{name => N, version => text(V)}
              || {N, V} <- Stack ++ [{erlang, erlang:system_info(version)},
                                     {otp, erlang:system_info(otp_release)}]],
    put_event(Out, #{event => hello, client => Name, version => text(Version), stack => Layers,
                     can => Can}),
    loop(Module, Can, Out),
    halt(0).

least_can() ->
    #{http => [<<"1.1">>], tls => false, proxy => false, timers => [], second_request => pooled,
      not_before => true, interim => none, phases => false, expect_continue => false,
      body_stream => false,
      methods => [<<"GET">>, <<"HEAD">>, <<"POST">>, <<"PUT">>, <<"PATCH">>, <<"DELETE">>,
                  <<"OPTIONS">>, <<"PROPFIND">>, <<"MKCOL">>, <<"COPY">>]}.

loop(Module, Can, Out) ->
    case io:get_line("") of
        eof -> ok;
        <<"\n">> -> loop(Module, Can, Out);
        Line ->
            play(Module, Can, Out, jiffy:decode(Line, [return_maps])),
            loop(Module, Can, Out)
    end.

play(Module, Can, Out, #{<<"plan">> := Id, <<"requests">> := Given} = Plan) ->
    Shared = maps:get(<<"timers">>, Plan, #{}),
    Requests = [Request#{<<"timers">> => maps:merge(Shared, maps:get(<<"timers">>, Request, #{}))}
                || Request <- Given],
    case unsupported(Can, Plan, Requests) of
        {What, Value} ->
            put_event(Out, #{event => unsupported, plan => Id, what => What, value => Value});
        none ->
            Session = Module:open(Plan),
            Begun = now_ms(),
            Limit = maps:get(<<"body_limit">>, Plan, 65536),
            [begin
                 Wait = Begun + maps:get(<<"not_before_ms">>, Request, 0) - now_ms(),
                 timer:sleep(max(0, ceil(Wait))),
                 send_one(Module, Can, Session, Request, Limit, Out, Id)
             end || Request <- Requests],
            Module:close(Session)
    end,
    put_event(Out, #{event => done, plan => Id}).

send_one(Module, Can, Session, #{<<"name">> := Name} = Request, Limit, Out, Id) ->
    Put = fun(Event) -> put_event(Out, Event#{plan => Id, request => Name}) end,
    Started = now_ms(),
    Result = Module:send(Session, Request, Put),
    At = now_ms(),
    Phase = case Can of #{phases := true} -> body; _ -> null end,
    {Told, Error, Body} =
        case Result of
            {ok, Content} -> {ok, null, Content};
            {failed, Kind, Reason, Content} ->
                {failed, #{kind => Kind, phase => Phase, type => type_of(Reason),
                           message => text(string:slice(io_lib:format("~0p", [Reason]), 0, 2000))},
                 Content}
        end,
    Put(maps:merge(content(Body, Limit),
                   #{event => 'end', started => Started, at => At, told => Told, error => Error})).

content(none, _) ->
    #{body_b64 => null, body_len => null, body_sha256 => null};
content(Body, Limit) ->
    Kept = binary:part(Body, 0, min(Limit, byte_size(Body))),
    #{body_b64 => base64:encode(Kept), body_len => byte_size(Body),
      body_sha256 => << <<(hex(N))>> || <<N:4>> <= crypto:hash(sha256, Body) >>}.

hex(N) when N < 10 -> $0 + N;
hex(N) -> $a + N - 10.

%% The atoms that the client's reason begins with.
type_of(Reason) when is_atom(Reason) -> atom_to_binary(Reason);
type_of(Reason) when is_tuple(Reason), tuple_size(Reason) > 0, is_atom(element(1, Reason)) ->
    atom_to_binary(element(1, Reason));
type_of(_) -> <<"term">>.

%% The client handed over a head as the response.
response(Put, Status, Reason, Fields) ->
    Put(#{event => response, at => now_ms(), status => Status, reason => Reason,
          fields => pairs(Fields)}).

%% The client showed an interim response.
interim(Put, Status, Fields) ->
    Put(#{event => interim, at => now_ms(), status => Status, fields => pairs(Fields)}).

pairs(Fields) -> [[text(Name), text(Value)] || {Name, Value} <- Fields].

%% The timer in ms, or `none` where it is not to be set.
timer(#{<<"timers">> := Timers}, Name) ->
    case maps:get(Name, Timers, null) of
        null -> none;
        Ms -> Ms
    end.

%% Octets or characters as UTF-8, as JSON wants it; octets are taken for Latin-1.
text(Value) when is_atom(Value) -> atom_to_binary(Value);
text(Value) when is_binary(Value) -> unicode:characters_to_binary(Value, latin1);
text(Value) -> unicode:characters_to_binary(Value).

now_ms() -> erlang:system_time(microsecond) / 1000.

put_event({Device, Mark}, Event) ->
    ok = file:write(Device, [Mark, jiffy:encode(Event#{v => 1}, [use_nil]), $\n]).

%% The first thing in the plan that the client cannot do, and its value.
unsupported(Can, Plan, Requests) ->
    first([unknown(Plan, ?PLAN_KEYS),
           unless(maps:get(<<"v">>, Plan) =:= 1, <<"v">>, maps:get(<<"v">>, Plan)),
           unless(has(Can, http, maps:get(<<"http">>, Plan)), <<"http">>, maps:get(<<"http">>, Plan)),
           unless(maps:get(<<"proxy">>, Plan, null) =:= null orelse maps:get(proxy, Can),
                  <<"proxy">>, maps:get(<<"proxy">>, Plan, null))
           | lists:append([of_request(Can, Request) || Request <- Requests])]).

of_request(Can, #{<<"method">> := Method, <<"url">> := Url, <<"timers">> := Timers} = Request) ->
    Pauses = case maps:get(<<"body_pause_ms">>, Request, []) of null -> []; Found -> Found end,
    Start = maps:get(<<"start">>, Request, <<"after-previous">>),
    [unknown(Request, ?REQUEST_KEYS)
     | [unless(Ms =:= null orelse has(Can, timers, Name), Name, Ms)
        || {Name, Ms} <- maps:to_list(Timers)]]
    ++ [unless(has(Can, methods, Method), <<"method">>, Method),
        unless(not lists:prefix("https:", binary_to_list(Url)) orelse maps:get(tls, Can),
               <<"tls">>, true),
        unless(not maps:get(<<"expect_continue">>, Request, false)
               orelse maps:get(expect_continue, Can), <<"expect_continue">>, true),
        unless(Pauses =:= [] orelse maps:get(body_stream, Can), <<"body_pause_ms">>, Pauses),
        unless(Start =:= <<"after-previous">>, <<"start">>, Start)].

has(Can, Key, Word) -> lists:member(Word, maps:get(Key, Can)).

unless(true, _, _) -> none;
unless(false, What, Value) -> {What, Value}.

unknown(Values, Known) ->
    first([unless(lists:member(Key, Known), Key, Value) || {Key, Value} <- maps:to_list(Values)]).

first(Found) ->
    case [One || One <- Found, One =/= none] of
        [] -> none;
        [One | _] -> One
    end.
