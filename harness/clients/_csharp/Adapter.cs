// SPDX-License-Identifier: MIT
using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using System.Threading;

namespace Interimspec
{
    using Event = Dictionary<string, object>;

    // What the adapters for .NET and Mono share: plans from stdin, events out, and nothing else. No
    // retry, no mapping. Only an exception that IsTold() says an ordinary program catches ends its
    // request as failed; any other ends the process.
    public abstract class Adapter
    {
        // One fresh client object; what Send returns from is told as ok.
        public interface ISession : IDisposable
        {
            void Send(Request request, Report report);
        }

        readonly string client, version;
        readonly List<object> stack = new List<object>();
        readonly Event can;
        Stream output;
        string mark = "";

        protected Adapter(string client, string version, string can)
        {
            this.client = client;
            this.version = version;
            this.can = (Event)Json.Read(
                "{\"http\":[\"1.1\"],\"tls\":false,\"proxy\":false,\"timers\":[],"
                + "\"second_request\":\"pooled\",\"not_before\":true,\"interim\":\"none\",\"phases\":false,"
                + "\"expect_continue\":false,\"body_stream\":false,\"methods\":[\"GET\",\"HEAD\",\"POST\","
                + "\"PUT\",\"PATCH\",\"DELETE\",\"OPTIONS\",\"PROPFIND\",\"MKCOL\",\"COPY\"]}");
            foreach (var pair in (Event)Json.Read(can)) this.can[pair.Key] = pair.Value;
        }

        protected abstract ISession Open(Plan plan);

        // Whether the documentation says that a request ends with this exception when it fails.
        protected abstract bool IsTold(Exception error);

        // The kind of an error by the client's own types; null leaves it to those of sockets.
        protected virtual string KindOf(Exception error) { return null; }

        // Of kind `status` only: the status for which the client failed.
        protected virtual int? StatusOf(Exception error) { return null; }

        protected void Layer(string name, string layerVersion)
        {
            stack.Add(new Event { { "name", name }, { "version", layerVersion } });
        }

        // Says hello, then plays the plans of stdin one at a time, until its end.
        protected void Run()
        {
            string path = Environment.GetEnvironmentVariable("INTERIMSPEC_OUT");
            output = path == null ? Console.OpenStandardOutput() : OpenPipe(path);
            mark = path == null ? "@interimspec " : "";
            Put(new Event { { "event", "hello" }, { "client", client }, { "version", version },
                { "stack", stack }, { "can", can } });
            var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
            for (string line = input.ReadLine(); line != null; line = input.ReadLine())
                if (line.Trim() != "") Play(new Plan((Event)Json.Read(line)));
            // Threads of the client must not keep the process alive after its input has ended.
            Environment.Exit(0);
        }

        static Stream OpenPipe(string path)
        {
            return new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 1);
        }

        void Play(Plan plan)
        {
            KeyValuePair<string, object>? missing = Unsupported(plan);
            if (missing != null)
            {
                Put(new Event { { "event", "unsupported" }, { "plan", plan.Id },
                    { "what", missing.Value.Key }, { "value", missing.Value.Value } });
            }
            else
            {
                using (ISession session = Open(plan)) SendAll(session, plan);
            }
            Put(new Event { { "event", "done" }, { "plan", plan.Id } });
        }

        // A request that another one is to run beside gets a thread; all others use this one.
        void SendAll(ISession session, Plan plan)
        {
            double begun = NowMs();
            var beside = new List<Thread>();
            for (int i = 0; i < plan.Requests.Count; i++)
            {
                Request request = plan.Requests[i];
                if (!request.StartsWithPrevious) Join(beside);
                int wait = (int)Math.Ceiling(begun + request.NotBeforeMs - NowMs());
                if (wait > 0) Thread.Sleep(wait);
                var report = new Report(this, plan, request, (bool)can["phases"]);
                if (i + 1 < plan.Requests.Count && plan.Requests[i + 1].StartsWithPrevious)
                {
                    // What is not told ends the process here as well, as exceptions of threads do.
                    var thread = new Thread(() => SendOne(session, request, report));
                    beside.Add(thread);
                    thread.Start();
                }
                else
                {
                    SendOne(session, request, report);
                }
            }
            Join(beside);
        }

        static void Join(List<Thread> running)
        {
            foreach (Thread one in running) one.Join();
            running.Clear();
        }

        void SendOne(ISession session, Request request, Report report)
        {
            try
            {
                session.Send(request, report);
            }
            catch (Exception error) when (IsTold(error))
            {
                report.End(error, KindOf(error) ?? Errors.KindOf(error), StatusOf(error));
                return;
            }
            report.End(null, null, null);
        }

        internal static double NowMs()
        {
            return (DateTime.UtcNow.Ticks - 621355968000000000L) / 10000.0;
        }

        internal void Put(Event values)
        {
            values["v"] = 1;
            var text = new StringBuilder(mark);
            Json.Write(values, text);
            byte[] line = Encoding.ASCII.GetBytes(text.Append('\n').ToString());
            lock (output)
            {
                output.Write(line, 0, line.Length);
                output.Flush();
            }
        }

        // ------------------------------------------------------------ what a client cannot do

        static readonly HashSet<string> PlanKeys = new HashSet<string>(
            "v plan http timers ca_file proxy body_limit requests".Split(' '));
        static readonly HashSet<string> RequestKeys = new HashSet<string>(
            ("name method url headers body_b64 body_pause_ms expect_continue start not_before_ms "
            + "timers").Split(' '));

        static KeyValuePair<string, object>? Missing(string what, object value)
        {
            return new KeyValuePair<string, object>(what, value);
        }

        KeyValuePair<string, object>? Unsupported(Plan plan)
        {
            foreach (string key in plan.Values.Keys)
                if (!PlanKeys.Contains(key)) return Missing(key, plan.Values[key]);
            if (!1.0.Equals(plan.Values["v"])) return Missing("v", plan.Values["v"]);
            if (!Can("http", plan.Http)) return Missing("http", plan.Http);
            if (plan.Proxy != null && !Can("proxy")) return Missing("proxy", plan.Proxy);
            foreach (Request request in plan.Requests)
            {
                KeyValuePair<string, object>? missing = Unsupported(request);
                if (missing != null) return missing;
            }
            return null;
        }

        KeyValuePair<string, object>? Unsupported(Request request)
        {
            foreach (string key in request.Values.Keys)
                if (!RequestKeys.Contains(key)) return Missing(key, request.Values[key]);
            foreach (var timer in request.Timers)
                if (!Can("timers", timer.Key)) return Missing(timer.Key, timer.Value);
            if (!Can("methods", request.Method)) return Missing("method", request.Method);
            if (request.Url.StartsWith("https:", StringComparison.Ordinal) && !Can("tls"))
                return Missing("tls", true);
            if (request.ExpectContinue && !Can("expect_continue")) return Missing("expect_continue", true);
            if (request.Pauses.Count > 0 && !(Can("body_stream") && request.Body != null))
                return Missing("body_pause_ms", request.Pauses);
            bool known = request.Start == "after-previous"
                || (request.StartsWithPrevious && can.ContainsKey("concurrent"));
            if (!known) return Missing("start", request.Start);
            return null;
        }

        bool Can(string key) { return (bool)can[key]; }
        bool Can(string key, string value) { return ((List<object>)can[key]).Contains(value); }
    }
}
