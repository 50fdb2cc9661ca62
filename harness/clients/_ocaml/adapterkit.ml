(* SPDX-License-Identifier: MIT *)

(* What the adapters for OCaml clients share: plans from stdin, events out, and nothing else. No retry,
   no mapping. Only exceptions that the adapter's [kind] knows, and those of the operating system, end a
   request as failed; any other ends the process. *)

module Json = Yojson.Basic
module Util = Yojson.Basic.Util

type request = {
  name : string;
  meth : string;
  url : string;
  headers : (string * string) list;
  body : string option;
  timers : (string * Json.t) list;
  values : Json.t;
}

type plan = {
  id : string;
  ca_file : string option;
  body_limit : int;
  requests : request list;
  plan_values : Json.t;
}

type report = {
  put : string -> (string * Json.t) list -> unit;
  mutable phase : string option;
  mutable content : Buffer.t option;
}

type 'session client = {
  client : string;
  version : string;
  stack : (string * string) list;
  can : (string * Json.t) list; (* what differs from a client that can do nothing *)
  open_ : plan -> 'session; (* one fresh client object *)
  send : 'session -> request -> report -> unit;
  close : 'session -> unit;
  kind : exn -> string option;
}

let plan_keys = [ "v"; "plan"; "http"; "timers"; "ca_file"; "proxy"; "body_limit"; "requests" ]

let request_keys =
  [ "name"; "method"; "url"; "headers"; "body_b64"; "body_pause_ms"; "expect_continue"; "start";
    "not_before_ms"; "timers" ]

let words list = `List (List.map (fun word -> `String word) list)

let least_can : (string * Json.t) list =
  [ ("http", words [ "1.1" ]); ("tls", `Bool false); ("proxy", `Bool false); ("timers", `List []);
    ("second_request", `String "pooled"); ("not_before", `Bool true); ("interim", `String "none");
    ("phases", `Bool false); ("expect_continue", `Bool false); ("body_stream", `Bool false);
    ( "methods",
      words
        [ "GET"; "HEAD"; "POST"; "PUT"; "PATCH"; "DELETE"; "OPTIONS"; "PROPFIND"; "MKCOL"; "COPY" ] ) ]

let now_ms () = Unix.gettimeofday () *. 1000.

(* Octets taken for Latin-1, as JSON wants them. *)
let utf8 octets =
  let text = Buffer.create (String.length octets) in
  String.iter (fun c -> Buffer.add_utf_8_uchar text (Uchar.of_char c)) octets;
  Buffer.contents text

(* ---------------------------------------------------------------- what a client is told *)

(* The client handed over a head as the response. *)
let response report status reason fields =
  let pair (name, value) = words [ utf8 name; utf8 value ] in
  report.put "response"
    [ ("at", `Float (now_ms ())); ("status", `Int status);
      ("reason", match reason with Some text -> `String (utf8 text) | None -> `Null);
      ("fields", `List (List.map pair fields)) ];
  if report.phase <> None then report.phase <- Some "body"

(* Content that the client handed over. *)
let content report octets =
  if report.content = None then report.content <- Some (Buffer.create 4096);
  Buffer.add_string (Option.get report.content) octets

(* The timer in ms, where it is to be set. *)
let timer request name =
  match List.assoc_opt name request.timers with Some (`Int ms) -> Some ms | _ -> None

(* ---------------------------------------------------------------- plans *)

let text values key = Util.to_string_option (Util.member key values)
let table = function `Assoc pairs -> pairs | _ -> []
let list = function `List items -> items | _ -> []

let read_request shared values =
  let pair = function
    | `List [ `String name; `String value ] -> (name, value)
    | _ -> failwith "a field that is no pair"
  in
  let own = table (Util.member "timers" values) in
  { name = Util.to_string (Util.member "name" values);
    meth = Util.to_string (Util.member "method" values);
    url = Util.to_string (Util.member "url" values);
    headers = List.map pair (list (Util.member "headers" values));
    body = Option.map Base64.decode_exn (text values "body_b64");
    timers = own @ List.filter (fun (key, _) -> not (List.mem_assoc key own)) shared;
    values }

let read_plan values =
  let shared = table (Util.member "timers" values) in
  { id = Util.to_string (Util.member "plan" values);
    ca_file = text values "ca_file";
    body_limit = Option.value ~default:65536 (Util.to_int_option (Util.member "body_limit" values));
    requests = List.map (read_request shared) (list (Util.member "requests" values));
    plan_values = values }

(* The first thing in the plan that the client cannot do, and its value. *)
let unsupported can plan =
  let has key value = List.mem value (list (List.assoc key can)) in
  let able key = List.assoc key can = `Bool true in
  let unless good what value = if good then [] else [ (what, value) ] in
  let unknown known values =
    List.filter (fun (key, _) -> not (List.mem key known)) (table values)
  in
  let given key = Util.member key plan.plan_values in
  let of_request request =
    let own key = Util.member key request.values in
    unknown request_keys request.values
    @ List.filter (fun (key, ms) -> ms <> `Null && not (has "timers" (`String key))) request.timers
    @ unless (has "methods" (`String request.meth)) "method" (`String request.meth)
    @ unless (able "tls" || not (String.starts_with ~prefix:"https:" request.url)) "tls" (`Bool true)
    @ unless (able "expect_continue" || own "expect_continue" <> `Bool true) "expect_continue" (`Bool true)
    @ unless (list (own "body_pause_ms") = []) "body_pause_ms" (own "body_pause_ms")
    @ unless (List.mem (own "start") [ `Null; `String "after-previous" ]) "start" (own "start")
  in
  let found =
    unknown plan_keys plan.plan_values
    @ unless (given "v" = `Int 1) "v" (given "v")
    @ unless (has "http" (given "http")) "http" (given "http")
    @ unless (given "proxy" = `Null || able "proxy") "proxy" (given "proxy")
    @ List.concat_map of_request plan.requests
  in
  match found with [] -> None | first :: _ -> Some first

(* ---------------------------------------------------------------- playing *)

let kind_of_errno = function
  | Unix.ECONNREFUSED -> "refused"
  | Unix.ECONNRESET | Unix.EPIPE -> "closed"
  | Unix.ETIMEDOUT -> "timeout"
  | _ -> "other"

let kind_of client raised =
  match (client.kind raised, raised) with
  | (Some _ as kind), _ -> kind
  | None, Unix.Unix_error (errno, _, _) -> Some (kind_of_errno errno)
  | None, End_of_file -> Some "closed"
  | None, _ -> None

let send_one client can session plan request put =
  let put event values = put (("event", `String event) :: ("plan", `String plan.id)
                              :: ("request", `String request.name) :: values) in
  let phase = if List.assoc "phases" can = `Bool true then Some "head" else None in
  let report = { put; phase; content = None } in
  let started = now_ms () in
  let error =
    match client.send session request report with
    | () -> `Null
    | exception raised -> (
        match kind_of client raised with
        | None -> raise raised
        | Some kind ->
            let message = utf8 (Printexc.to_string raised) in
            `Assoc
              [ ("kind", `String kind);
                ("phase", match report.phase with Some phase -> `String phase | None -> `Null);
                ("type", `String (Printexc.exn_slot_name raised));
                ("message", `String (String.sub message 0 (min 2000 (String.length message)))) ])
  in
  let at = now_ms () in
  let octets = Option.map Buffer.contents report.content in
  let shown make = match octets with Some octets -> make octets | None -> `Null in
  let kept octets = String.sub octets 0 (min plan.body_limit (String.length octets)) in
  put "end"
    [ ("started", `Float started); ("at", `Float at);
      ("told", `String (if error = `Null then "ok" else "failed"));
      ("body_b64", shown (fun octets -> `String (Base64.encode_string (kept octets))));
      ("body_len", shown (fun octets -> `Int (String.length octets)));
      ("body_sha256", shown (fun octets -> `String Sha256.(to_hex (string octets))));
      ("error", error) ]

let play client can put plan =
  let event name values = put (("event", `String name) :: ("plan", `String plan.id) :: values) in
  (match unsupported can plan with
  | Some (what, value) -> event "unsupported" [ ("what", `String what); ("value", value) ]
  | None ->
      let session = client.open_ plan in
      let begun = now_ms () in
      let one request =
        let not_before = Util.to_int_option (Util.member "not_before_ms" request.values) in
        let wait = begun +. float (Option.value ~default:0 not_before) -. now_ms () in
        if wait > 0. then Unix.sleepf (wait /. 1000.);
        send_one client can session plan request put
      in
      List.iter one plan.requests;
      client.close session);
  event "done" []

(* Says hello, then plays the plans of stdin one at a time, until its end. *)
let run client =
  let out, mark =
    match Sys.getenv_opt "INTERIMSPEC_OUT" with
    | Some path -> (open_out_gen [ Open_wronly; Open_append ] 0 path, "")
    | None -> (stdout, "@interimspec ")
  in
  let put values =
    output_string out (mark ^ Json.to_string (`Assoc (("v", `Int 1) :: values)) ^ "\n");
    flush out
  in
  let can = client.can @ List.filter (fun (key, _) -> not (List.mem_assoc key client.can)) least_can in
  let layer (name, version) = `Assoc [ ("name", `String name); ("version", `String version) ] in
  put
    [ ("event", `String "hello"); ("client", `String client.client);
      ("version", `String client.version);
      ("stack", `List (List.map layer (client.stack @ [ ("ocaml", Sys.ocaml_version) ])));
      ("can", `Assoc can) ];
  try
    while true do
      let line = input_line stdin in
      if String.trim line <> "" then play client can put (read_plan (Json.from_string line))
    done
  with End_of_file -> ()
