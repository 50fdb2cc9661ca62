(* SPDX-License-Identifier: MIT *)
(* Run: ocamlfind ocamlopt -thread -package cohttp-lwt-unix -linkpkg -o client client.ml && ./client *)
open Lwt.Infix
open Cohttp_lwt_unix

let get url =
  Client.get (Uri.of_string url) >>= fun (answer, content) ->
  Cohttp_lwt.Body.to_string content >>= fun text ->
  Lwt_io.printf "%s %d %S\n" url (Cohttp.Code.code_of_status (Response.status answer)) text

let () = Lwt_main.run (Lwt_list.iter_s get (List.tl (Array.to_list Sys.argv)))
