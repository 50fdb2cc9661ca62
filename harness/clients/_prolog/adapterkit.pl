% SPDX-License-Identifier: MIT

% What the adapters for Prolog clients share: plans from stdin, events out, and nothing else. No retry,
% no mapping: only an error(Formal, Context) for which the adapter has a kind ends a request as failed,
% any other ends the process.
%
% An adapter gives run/1 a dict with name, version, stack, can, and three closures:
%   open(Plan, Session), send(Session, Request, Report), kind(Formal, Context, Kind).
:- module(adapterkit, [run/1, response/4, content/2, timer/3]).

:- use_module(library(http/json)).
:- use_module(library(base64)).
:- use_module(library(sha)).
:- use_module(library(lists)).
:- use_module(library(apply)).
:- use_module(library(readutil)).

plan_keys([v, plan, http, timers, ca_file, proxy, body_limit, requests]).
request_keys([name, method, url, headers, body_b64, body_pause_ms, expect_continue, start,
              not_before_ms, timers]).

least_can(_{http: ["1.1"], tls: false, proxy: false, timers: [], second_request: "pooled",
            not_before: true, interim: "none", phases: false, expect_continue: false,
            body_stream: false, methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]}).

:- dynamic out/2.

%!  run(+Client) says hello, then plays the plans of stdin one at a time, until its end.
run(Client) :-
    (   getenv('INTERIMSPEC_OUT', Path)
    ->  open(Path, append, Out, [encoding(utf8)]),
        assertz(out(Out, ""))
    ;   assertz(out(user_output, "@interimspec "))
    ),
    least_can(Least),
    Can = Least.put(Client.can),
    current_prolog_flag(version_data, swi(Major, Minor, Patch, _)),
    format(string(Prolog), "~w.~w.~w", [Major, Minor, Patch]),
    append(Client.stack, [_{name: "swi-prolog", version: Prolog}], Stack),
    put_event(_{event: "hello", client: Client.name, version: Client.version, stack: Stack, can: Can}),
    set_stream(user_input, encoding(utf8)),
    loop(Client, Can).

loop(Client, Can) :-
    read_line_to_string(user_input, Line),
    (   Line == end_of_file
    ->  true
    ;   Line == ""
    ->  loop(Client, Can)
    ;   play(Client, Can, Line),
        loop(Client, Can)
    ).

play(Client, Can, Line) :-
    atom_json_dict(Line, Plan, [null(null), true(true), false(false), value_string_as_atom(false)]),
    maplist(with_timers(Plan), Plan.requests, Requests),
    (   once(unsupported(Can, Plan, Requests, What, Value))
    ->  put_event(_{event: "unsupported", plan: Plan.plan, what: What, value: Value})
    ;   Open = Client.open,
        call(Open, Plan, Session),
        now_ms(Begun),
        maplist(send_one(Client, Can, Plan, Session, Begun), Requests)
    ),
    put_event(_{event: "done", plan: Plan.plan}).

with_timers(Plan, Request, Request.put(timers, Timers)) :-
    Shared = Plan.get(timers, _{}),
    Timers = Shared.put(Request.get(timers, _{})).

send_one(Client, Can, Plan, Session, Begun, Request) :-
    now_ms(Now),
    Wait is (Begun + Request.get(not_before_ms, 0) - Now) / 1000,
    ( Wait > 0 -> sleep(Wait) ; true ),
    ( Can.phases == true -> Phase = "head" ; Phase = null ),
    Report = report(Plan.plan, Request.name, state(Phase, none)),
    now_ms(Started),
    Send = Client.send,
    catch(( call(Send, Session, Request, Report), Failure = none ),
          error(Formal, Context), Failure = failed(Formal, Context)),
    now_ms(At),
    Report = report(_, _, state(Reached, Content)),
    failure(Client, Failure, Reached, Told, Error),
    content_values(Content, Plan.get(body_limit, 65536), Values),
    put_event(Values.put(_{event: "end", plan: Plan.plan, request: Request.name, started: Started,
                           at: At, told: Told, error: Error})).

failure(_, none, _, "ok", null).
failure(Client, failed(Formal, Context), Phase, "failed", Error) :-
    KindOf = Client.kind,
    (   call(KindOf, Formal, Context, Kind)
    ->  true
    ;   throw(error(Formal, Context))
    ),
    functor(Formal, Type, _),
    format(string(Words), "~q ~q", [Formal, Context]),
    ( string_length(Words, Length), Length > 2000 -> sub_string(Words, 0, 2000, _, Message) ; Message = Words ),
    Described = _{kind: Kind.kind, phase: Phase, type: Type, message: Message},
    ( get_dict(status, Kind, Status) -> Error = Described.put(status, Status) ; Error = Described ).

content_values(none, _, _{body_b64: null, body_len: null, body_sha256: null}).
content_values(octets(Octets), Limit, _{body_b64: Encoded, body_len: Length, body_sha256: Hex}) :-
    string_length(Octets, Length),
    Keep is min(Limit, Length),
    sub_string(Octets, 0, Keep, _, Kept),
    base64_encoded(Kept, Encoded, [encoding(iso_latin_1), as(string)]),
    sha_hash(Octets, Hash, [algorithm(sha256), encoding(octet)]),
    hash_atom(Hash, Hex).

%!  response(+Report, +Status, +Reason, +Fields): the client handed over a head as the response.
response(report(Plan, Request, State), Status, Reason, Fields) :-
    now_ms(At),
    findall([Name, Value], member(Name-Value, Fields), Pairs),
    put_event(_{event: "response", plan: Plan, request: Request, at: At, status: Status,
                reason: Reason, fields: Pairs}),
    ( arg(1, State, null) -> true ; nb_setarg(1, State, "body") ).

%!  content(+Report, +Octets): all the content that the client handed over.
content(report(_, _, State), Octets) :-
    nb_setarg(2, State, octets(Octets)).

%!  timer(+Request, +Name, -Ms) is semidet. The timer, where it is to be set.
timer(Request, Name, Ms) :-
    get_dict(Name, Request.timers, Ms),
    Ms \== null.

now_ms(Ms) :-
    get_time(Seconds),
    Ms is floor(Seconds * 1000000) / 1000.0.

put_event(Event) :-
    out(Out, Mark),
    format(Out, "~s", [Mark]),
    json_write_dict(Out, Event.put(v, 1), [width(0), null(null), true(true), false(false)]),
    nl(Out),
    flush_output(Out).

% The first thing in the plan that the client cannot do, and its value.
unsupported(_, Plan, _, Key, Value) :-
    plan_keys(Known),
    get_dict(Key, Plan, Value),
    \+ memberchk(Key, Known).
unsupported(_, Plan, _, v, Plan.v) :- Plan.v \== 1.
unsupported(Can, Plan, _, http, Plan.http) :- \+ memberchk(Plan.http, Can.http).
unsupported(Can, Plan, _, proxy, Proxy) :-
    Proxy = Plan.get(proxy, null), Proxy \== null, Can.proxy == false.
unsupported(Can, _, Requests, What, Value) :-
    member(Request, Requests),
    unsupported_request(Can, Request, What, Value).

unsupported_request(_, Request, Key, Value) :-
    request_keys(Known),
    get_dict(Key, Request, Value),
    \+ memberchk(Key, Known).
unsupported_request(Can, Request, Name, Ms) :-
    get_dict(Name, Request.timers, Ms),
    Ms \== null,
    atom_string(Name, Word),
    \+ memberchk(Word, Can.timers).
unsupported_request(Can, Request, method, Request.method) :- \+ memberchk(Request.method, Can.methods).
unsupported_request(Can, Request, tls, true) :-
    sub_string(Request.url, 0, _, _, "https:"), Can.tls == false.
unsupported_request(Can, Request, expect_continue, true) :-
    true == Request.get(expect_continue, false), Can.expect_continue == false.
unsupported_request(_, Request, body_pause_ms, Pauses) :-
    Pauses = Request.get(body_pause_ms, []), \+ memberchk(Pauses, [[], null]).
unsupported_request(_, Request, start, Start) :-
    Start = Request.get(start, "after-previous"), Start \== "after-previous".
