// SPDX-License-Identifier: MIT
using System;
using System.Collections.Generic;
using System.IO;
using System.Net.Sockets;

namespace Interimspec
{
    using Event = Dictionary<string, object>;

    // What the client's user is told about one request, written as it happens.
    public sealed class Report
    {
        readonly Adapter adapter;
        readonly Plan plan;
        readonly Request request;
        readonly double started = Adapter.NowMs();
        string phase;
        MemoryStream content;
        bool ended;

        internal Report(Adapter adapter, Plan plan, Request request, bool phases)
        {
            this.adapter = adapter;
            this.plan = plan;
            this.request = request;
            phase = phases ? "head" : null;
        }

        // The client handed over a head as the response.
        public void Response(int status, string reason, IEnumerable<KeyValuePair<string, string>> fields)
        {
            Put("response", new Event { { "status", status },
                { "reason", reason }, { "fields", Pairs(fields) } });
            if (phase != null) phase = "body";
        }

        // The client showed an interim response.
        public void Interim(int status, IEnumerable<KeyValuePair<string, string>> fields)
        {
            Put("interim", new Event { { "status", status },
                { "fields", Pairs(fields) } });
        }

        static List<object> Pairs(IEnumerable<KeyValuePair<string, string>> fields)
        {
            var pairs = new List<object>();
            foreach (var field in fields) pairs.Add(new List<object> { field.Key, field.Value });
            return pairs;
        }

        // Content that the client handed over.
        public void Body(byte[] octets, int count)
        {
            if (content == null) content = new MemoryStream();
            content.Write(octets, 0, count);
        }

        // Everything of a stream, which is closed.
        public void ReadAll(Stream stream)
        {
            using (stream)
            {
                var buffer = new byte[16384];
                Body(buffer, 0);
                for (int n; (n = stream.Read(buffer, 0, buffer.Length)) > 0;) Body(buffer, n);
            }
        }

        internal void End(Exception error, string kind, int? status)
        {
            var values = new Event { { "started", started },
                { "told", error == null ? "ok" : "failed" }, { "body_b64", null }, { "body_len", null },
                { "body_sha256", null }, { "error", null } };
            if (content != null)
            {
                byte[] octets = content.ToArray();
                values["body_b64"] = Convert.ToBase64String(octets, 0, Math.Min(octets.Length, plan.BodyLimit));
                values["body_len"] = octets.Length;
                values["body_sha256"] = Sha256.Hex(octets);
            }
            if (error != null) values["error"] = Errors.Describe(error, kind, status, phase);
            Put("end", values);
        }

        // Notes when, and writes. What a thread of the client tells after the end is told of a request
        // that is over.
        void Put(string name, Event values)
        {
            values["event"] = name;
            values["plan"] = plan.Id;
            values["request"] = request.Name;
            lock (this)
            {
                if (ended) return;
                ended = name == "end";
                values["at"] = Adapter.NowMs();
                adapter.Put(values);
            }
        }
    }

    static class Errors
    {
        static IEnumerable<Exception> Chain(Exception error)
        {
            for (; error != null; error = error.InnerException) yield return error;
        }

        // By the types of sockets and streams that stand below every client.
        public static string KindOf(Exception error)
        {
            foreach (Exception one in Chain(error))
            {
                var socket = one as SocketException;
                if (socket != null)
                {
                    switch (socket.SocketErrorCode)
                    {
                        case SocketError.ConnectionRefused: return "refused";
                        case SocketError.TimedOut: return "timeout";
                        case SocketError.ConnectionReset:
                        case SocketError.ConnectionAborted:
                        case SocketError.Shutdown: return "closed";
                    }
                }
                if (one is System.Security.Authentication.AuthenticationException) return "tls";
            }
            return "other";
        }

        public static Event Describe(Exception error, string kind, int? status, string phase)
        {
            var types = new List<string>();
            var messages = new List<string>();
            foreach (Exception one in Chain(error))
            {
                types.Add(one.GetType().FullName);
                if (!messages.Contains(one.Message)) messages.Add(one.Message);
            }
            string message = string.Join(": ", messages);
            var values = new Event { { "kind", kind }, { "phase", phase },
                { "type", string.Join(" > ", types) },
                { "message", message.Substring(0, Math.Min(message.Length, 2000)) } };
            if (kind == "status") values["status"] = status;
            return values;
        }
    }
}
