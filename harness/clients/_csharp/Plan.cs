// SPDX-License-Identifier: MIT
using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;

namespace Interimspec
{
    public sealed class Plan
    {
        internal readonly Dictionary<string, object> Values;
        public readonly string Id, Http, CaFile, Proxy;
        public readonly int BodyLimit;
        public readonly List<Request> Requests = new List<Request>();

        internal Plan(Dictionary<string, object> values)
        {
            Values = values;
            Id = (string)values["plan"];
            Http = (string)values["http"];
            CaFile = (string)Get(values, "ca_file");
            Proxy = (string)Get(values, "proxy");
            BodyLimit = (int)(double)(Get(values, "body_limit") ?? 65536.0);
            foreach (object request in (List<object>)values["requests"])
                Requests.Add(new Request(this, (Dictionary<string, object>)request));
        }

        internal static object Get(Dictionary<string, object> values, string key)
        {
            object value;
            return values.TryGetValue(key, out value) ? value : null;
        }
    }

    public sealed class Request
    {
        internal readonly Dictionary<string, object> Values;
        internal readonly Dictionary<string, int> Timers = new Dictionary<string, int>();
        internal readonly string Start;
        internal readonly double NotBeforeMs;
        internal readonly List<object> Pauses;
        public readonly string Name, Method, Url;
        public readonly List<KeyValuePair<string, string>> Headers = new List<KeyValuePair<string, string>>();
        public readonly byte[] Body; // or null
        public readonly bool ExpectContinue;
        internal bool StartsWithPrevious { get { return Start == "with-previous"; } }
        public bool HasPauses { get { return Pauses.Count > 0; } }

        internal Request(Plan plan, Dictionary<string, object> values)
        {
            Values = values;
            Name = (string)values["name"];
            Method = (string)values["method"];
            Url = (string)values["url"];
            Start = (string)(Plan.Get(values, "start") ?? "after-previous");
            NotBeforeMs = (double)(Plan.Get(values, "not_before_ms") ?? 0.0);
            ExpectContinue = (bool)(Plan.Get(values, "expect_continue") ?? false);
            var encoded = (string)Plan.Get(values, "body_b64");
            Body = encoded == null ? null : Convert.FromBase64String(encoded);
            Pauses = (List<object>)Plan.Get(values, "body_pause_ms") ?? new List<object>();
            foreach (object pair in (List<object>)Plan.Get(values, "headers") ?? new List<object>())
            {
                var field = (List<object>)pair;
                Headers.Add(new KeyValuePair<string, string>((string)field[0], (string)field[1]));
            }
            SetTimers(Plan.Get(plan.Values, "timers"));
            SetTimers(Plan.Get(values, "timers"));
        }

        void SetTimers(object given)
        {
            if (given == null) return;
            foreach (var timer in (Dictionary<string, object>)given)
                if (timer.Value == null) Timers.Remove(timer.Key);
                else Timers[timer.Key] = (int)(double)timer.Value;
        }

        // The timer in ms, or null where it is not to be set.
        public int? Timer(string name)
        {
            int ms;
            return Timers.TryGetValue(name, out ms) ? ms : (int?)null;
        }

        // The body as a stream that waits where the plan says that it is still under way.
        public Stream BodyStream() { return new PausingStream(this); }

        sealed class PausingStream : Stream
        {
            readonly Request request;
            int at, pause;

            public PausingStream(Request request) { this.request = request; }

            int[] NextPause()
            {
                if (pause >= request.Pauses.Count) return null;
                var pair = (List<object>)request.Pauses[pause];
                return new[] { (int)(double)pair[0], (int)(double)pair[1] };
            }

            public override int Read(byte[] into, int offset, int count)
            {
                int[] next;
                while ((next = NextPause()) != null && at >= next[0])
                {
                    Thread.Sleep(next[1]);
                    pause++;
                }
                int end = next == null ? request.Body.Length : Math.Min(next[0], request.Body.Length);
                int n = Math.Min(count, end - at);
                Array.Copy(request.Body, at, into, offset, n);
                at += n;
                return n;
            }

            public override bool CanRead { get { return true; } }
            public override bool CanSeek { get { return false; } }
            public override bool CanWrite { get { return false; } }
            public override long Length { get { throw new NotSupportedException(); } }
            public override long Position
            {
                get { throw new NotSupportedException(); }
                set { throw new NotSupportedException(); }
            }
            public override void Flush() { }
            public override long Seek(long offset, SeekOrigin origin) { throw new NotSupportedException(); }
            public override void SetLength(long value) { throw new NotSupportedException(); }
            public override void Write(byte[] buffer, int offset, int count) { throw new NotSupportedException(); }
        }
    }
}
