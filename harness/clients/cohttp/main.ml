(* SPDX-License-Identifier: MIT *)

(* cohttp with Lwt: Client.call for each request, as its README has it, with Lwt.pick for the timer. *)

open Lwt.Infix
open Cohttp_lwt_unix

exception Timeout

let within timer work =
  match timer with
  | None -> work
  | Some ms -> Lwt.pick [ work; (Lwt_unix.sleep (float ms /. 1000.) >>= fun () -> Lwt.fail Timeout) ]

let exchange (request : Adapterkit.request) report =
  let headers = Cohttp.Header.of_list request.headers in
  let body = Option.map Cohttp_lwt.Body.of_string request.body in
  Client.call ~headers ?body (Cohttp.Code.method_of_string request.meth) (Uri.of_string request.url)
  >>= fun (answer, content) ->
  let status = Response.status answer in
  Adapterkit.response report (Cohttp.Code.code_of_status status) None
    (Cohttp.Header.to_list (Response.headers answer));
  Adapterkit.content report "";
  Lwt_stream.iter (Adapterkit.content report) (Cohttp_lwt.Body.to_stream content)

(* Errors of the system come wrapped; IO.catch takes them out. *)
let send () request report =
  Lwt_main.run
    ( IO.catch (fun () -> within (Adapterkit.timer request "total_ms") (exchange request report))
    >>= function
      | Ok () -> Lwt.return_unit
      | Error raised -> Lwt.fail raised )

(* cohttp has no exceptions of its own. *)
let kind = function
  | Timeout -> Some "timeout"
  | Failure words -> Some (if words = "Server closed connection prematurely." then "closed" else "protocol")
  | Lwt_io.Channel_closed _ -> Some "closed"
  | _ -> None

let () =
  Adapterkit.run
    { client = "cohttp";
      version = Versions.cohttp_lwt_unix;
      stack = [ ("conduit-lwt-unix", Versions.conduit_lwt_unix); ("lwt", Versions.lwt) ];
      can =
        [ ("timers", Adapterkit.words [ "total_ms" ]); ("phases", `Bool true);
          ("second_request", `String "new-connection") ];
      open_ = (fun _ -> ());
      send;
      close = (fun () -> ());
      kind }
