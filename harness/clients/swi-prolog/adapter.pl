% SPDX-License-Identifier: MIT

% http_open/3 of SWI-Prolog's library(http/http_open), and the stream that it gives read to its end.

:- use_module(library(http/http_open)).
% Without it requests say HTTP/1.0.
:- use_module(library(http/http_stream)).
:- use_module(library(readutil)).
:- use_module(library(base64)).
:- prolog_load_context(directory, Here),
   atom_concat(Here, '/../_prolog/adapterkit', Kit),
   use_module(Kit).

open_session(Plan, Plan).

send(_, Request, Report) :-
    findall(Option, option(Request, Option), Options),
    string_lower(Request.method, Lower),
    atom_string(Method, Lower),
    atom_string(Url, Request.url),
    setup_call_cleanup(
        http_open(Url, In, [method(Method), status_code(Status), raw_headers(Lines) | Options]),
        deliver(In, Status, Lines, Report),
        close(In)).

deliver(In, Status, Lines, Report) :-
    findall(Name-Value, field(Lines, Name, Value), Fields),
    ( var(Status) -> Shown = null ; Shown = Status ),
    response(Report, Shown, null, Fields),
    set_stream(In, encoding(octet)),
    content(Report, ""),
    read_stream_to_codes(In, Codes),
    string_codes(Octets, Codes),
    content(Report, Octets).

field(Lines, Name, Value) :-
    member(Line, Lines),
    split_string(Line, ":", "", [Name | Rest]),
    Rest \== [],
    atomics_to_string_with_colons(Rest, Joined),
    split_string(Joined, "", " \t\r", [Value]).

atomics_to_string_with_colons(Parts, Joined) :-
    atomic_list_concat(Parts, ':', Atom),
    atom_string(Atom, Joined).

option(Request, timeout(Seconds)) :-
    timer(Request, read_ms, Ms),
    Seconds is Ms / 1000.
option(Request, post(bytes(Type, Octets))) :-
    body(Request, Octets),
    (   given(Request, Name, Given), string_lower(Name, "content-type")
    ->  atom_string(Type, Given)
    ;   Type = 'application/octet-stream'
    ).
option(Request, request_header(Name = Value)) :-
    given(Request, Text, Value),
    \+ string_lower(Text, "content-type"),
    atom_string(Name, Text).

given(Request, Name, Value) :-
    get_dict(headers, Request, Pairs),
    member([Name, Value], Pairs).

body(Request, Octets) :-
    Encoded = Request.get(body_b64, null),
    Encoded \== null,
    base64_encoded(Plain, Encoded, [encoding(iso_latin_1), as(string)]),
    string_codes(Plain, Octets).

kind(timeout_error(_, _), _, _{kind: "timeout"}).
kind(socket_error(econnrefused, _), _, _{kind: "refused"}).
kind(socket_error(Code, _), _, _{kind: Kind}) :-
    ( memberchk(Code, [econnreset, epipe]) -> Kind = "closed" ; Kind = "other" ).
kind(io_error(_, _), _, _{kind: "closed"}).
kind(existence_error(http_reply, _), _, _{kind: "closed"}).
kind(_, Context, _{kind: "status", status: Status}) :-
    nonvar(Context), Context = context(_, Why), nonvar(Why), Why = status(Status, _).
kind(permission_error(redirect, _, _), _, _{kind: "limit"}).
kind(syntax_error(_), _, _{kind: "protocol"}).
kind(domain_error(_, _), _, _{kind: "protocol"}).
kind(type_error(_, _), _, _{kind: "protocol"}).
kind(Formal, _, _{kind: "protocol"}) :- functor(Formal, http, _).

main :-
    current_prolog_flag(version_data, swi(Major, Minor, Patch, _)),
    format(string(Version), "~w.~w.~w", [Major, Minor, Patch]),
    run(_{name: "swi-prolog", version: Version, stack: [],
          can: _{timers: ["read_ms"], second_request: "new-connection", phases: true},
          open: user:open_session, send: user:send, kind: user:kind}).

:- initialization(main, main).
