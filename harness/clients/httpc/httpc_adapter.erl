%% SPDX-License-Identifier: MIT

%% httpc, the client of inets: a profile of its own for each plan, synchronous requests.
-module(httpc_adapter).
-export([main/0, client/0, open/1, send/3, close/1]).

main() ->
    {ok, _} = application:ensure_all_started(inets),
    {ok, _} = application:ensure_all_started(ssl),
    adapterkit:main(?MODULE).

client() ->
    {ok, Version} = application:get_key(inets, vsn),
    {ok, Ssl} = application:get_key(ssl, vsn),
    #{name => 'httpc', version => Version, stack => [{ssl, Ssl}],
      can => #{tls => true, proxy => true, timers => [<<"connect_ms">>, <<"total_ms">>],
               methods => [<<"GET">>, <<"HEAD">>, <<"POST">>, <<"PUT">>, <<"PATCH">>,
                           <<"DELETE">>, <<"OPTIONS">>]}}.

open(#{<<"plan">> := Id} = Plan) ->
    %% A name for each process; plans come one at a time, and a stopped profile frees it.
    Profile = interimspec,
    {ok, _} = inets:start(httpc, [{profile, Profile}]),
    case maps:get(<<"proxy">>, Plan, null) of
        null -> ok;
        Proxy ->
            #{host := Host, port := Port} = uri_string:parse(binary_to_list(Proxy)),
            ok = httpc:set_options([{proxy, {{Host, Port}, []}}], Profile)
    end,
    {Profile, Id, maps:get(<<"ca_file">>, Plan, null)}.

close({Profile, _, _}) ->
    ok = inets:stop(httpc, Profile).

send({Profile, _, CaFile}, #{<<"method">> := Method} = Request, Report) ->
    Verb = list_to_existing_atom(string:lowercase(binary_to_list(Method))),
    case httpc:request(Verb, message(Request), http_options(Request, CaFile),
                       [{body_format, binary}], Profile) of
        {ok, {{_, Status, Reason}, Fields, Body}} ->
            adapterkit:response(Report, Status, adapterkit:text(Reason), Fields),
            {ok, Body};
        {error, Reason} ->
            {failed, kind(Reason), Reason, none}
    end.

message(#{<<"url">> := Url} = Request) ->
    Given = [{binary_to_list(Name), binary_to_list(Value)}
             || [Name, Value] <- maps:get(<<"headers">>, Request, [])],
    case maps:get(<<"body_b64">>, Request, null) of
        null -> {binary_to_list(Url), Given};
        Encoded ->
            {Type, Fields} = take_type(Given),
            {binary_to_list(Url), Fields, Type, base64:decode(Encoded)}
    end.

%% The type of the content is an argument of its own.
take_type(Given) ->
    case [Pair || {Name, _} = Pair <- Given, string:lowercase(Name) =:= "content-type"] of
        [{_, Type} = Pair | _] -> {Type, lists:delete(Pair, Given)};
        [] -> {"application/octet-stream", Given}
    end.

http_options(Request, CaFile) ->
    [{timeout, Ms} || Ms <- [adapterkit:timer(Request, <<"total_ms">>)], Ms =/= none]
        ++ [{connect_timeout, Ms} || Ms <- [adapterkit:timer(Request, <<"connect_ms">>)], Ms =/= none]
        ++ [{ssl, [{verify, verify_peer}, {cacertfile, binary_to_list(CaFile)},
                   {customize_hostname_check,
                    [{match_fun, public_key:pkix_verify_hostname_match_fun(https)}]}]}
            || CaFile =/= null].

%% What httpc says in {error, Reason}.
kind(timeout) -> timeout;
kind(socket_closed_remotely) -> closed;
kind({failed_connect, Causes}) ->
    case [Why || {_, _, Why} <- Causes] of
        [{tls_alert, _} | _] -> tls;
        [econnrefused | _] -> refused;
        [timeout | _] -> timeout;
        _ -> other
    end;
kind({shutdown, Reason}) -> kind(Reason);
kind(econnreset) -> closed;
kind(closed) -> closed;
kind({could_not_parse_as_http, _}) -> protocol;
kind({invalid_chunk_size, _}) -> protocol;
kind({header_too_long, _, _}) -> limit;
kind({body_too_big, _}) -> limit;
kind(_) -> other.
