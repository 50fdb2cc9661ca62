// SPDX-License-Identifier: MIT
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Reflection;
using Interimspec;

// HttpWebRequest of Mono, with its defaults: a request object for each request. Connections belong to
// the process; nothing is closed after a plan.
sealed class MonoHttpWebRequest : Adapter
{
    MonoHttpWebRequest()
        : base("mono-httpwebrequest", Mono(), "{\"proxy\":true,\"timers\":[\"total_ms\"],\"phases\":true,"
            + "\"interim\":\"fields\",\"expect_continue\":true,\"body_stream\":false}")
    {
        Layer("mono", Mono());
    }

    static string Mono()
    {
        MethodInfo shown = Type.GetType("Mono.Runtime").GetMethod(
            "GetDisplayName", BindingFlags.NonPublic | BindingFlags.Static);
        return ((string)shown.Invoke(null, null)).Split(' ')[0];
    }

    static void Main() { new MonoHttpWebRequest().Run(); }

    protected override ISession Open(Plan plan) { return new Session(plan); }

    protected override bool IsTold(Exception error) { return error is WebException || error is IOException; }

    protected override string KindOf(Exception error)
    {
        var failed = error as WebException;
        if (failed == null) return error.InnerException == null ? "closed" : null;
        switch (failed.Status)
        {
            case WebExceptionStatus.ProtocolError: return "status";
            case WebExceptionStatus.Timeout: return "timeout";
            case WebExceptionStatus.TrustFailure:
            case WebExceptionStatus.SecureChannelFailure: return "tls";
            case WebExceptionStatus.ServerProtocolViolation: return "protocol";
            case WebExceptionStatus.MessageLengthLimitExceeded: return "limit";
            case WebExceptionStatus.ConnectFailure: return null;
            default: return "closed";
        }
    }

    protected override int? StatusOf(Exception error)
    {
        var failed = error as WebException;
        var response = failed == null ? null : failed.Response as HttpWebResponse;
        return response == null ? (int?)null : (int)response.StatusCode;
    }

    sealed class Session : ISession
    {
        readonly Plan plan;

        public Session(Plan plan) { this.plan = plan; }

        public void Dispose() { }

        public void Send(Request request, Report report)
        {
            HttpWebRequest message = Message(request);
            message.ContinueDelegate = (status, fields) => report.Interim(status, Pairs(fields));
            if (request.Body != null)
                using (Stream upload = message.GetRequestStream())
                    request.BodyStream().CopyTo(upload);
            HttpWebResponse response;
            try
            {
                response = (HttpWebResponse)message.GetResponse();
            }
            catch (WebException error) when (error.Response != null)
            {
                // Its content is there to be read, as the documentation shows.
                report.ReadAll(error.Response.GetResponseStream());
                throw;
            }
            using (response)
            {
                report.Response((int)response.StatusCode, response.StatusDescription, Pairs(response.Headers));
                report.ReadAll(response.GetResponseStream());
            }
        }

        HttpWebRequest Message(Request request)
        {
            HttpWebRequest message = WebRequest.CreateHttp(request.Url);
            message.Method = request.Method;
            if (plan.Proxy != null) message.Proxy = new WebProxy(plan.Proxy);
            int? total = request.Timer("total_ms");
            if (total != null) message.Timeout = total.Value;
            if (request.ExpectContinue) message.ServicePoint.Expect100Continue = true;
            if (request.Body != null) message.ContentLength = request.Body.Length;
            foreach (var field in request.Headers) Set(message, field.Key, field.Value);
            return message;
        }

        // Some fields have properties of their own, and may not be set otherwise.
        static void Set(HttpWebRequest message, string name, string value)
        {
            switch (name.ToLowerInvariant())
            {
                case "accept": message.Accept = value; break;
                case "content-type": message.ContentType = value; break;
                case "user-agent": message.UserAgent = value; break;
                case "range":
                    string[] range = value.Split('=', '-');
                    message.AddRange(range[0], long.Parse(range[1]), long.Parse(range[2]));
                    break;
                default: message.Headers.Add(name, value); break;
            }
        }

        static IEnumerable<KeyValuePair<string, string>> Pairs(WebHeaderCollection fields)
        {
            return from name in fields.AllKeys
                   from value in fields.GetValues(name)
                   select new KeyValuePair<string, string>(name, value);
        }
    }
}
