// SPDX-License-Identifier: MIT
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Security;
using System.Reflection;
using System.Security.Cryptography.X509Certificates;
using System.Threading;
using System.Threading.Tasks;
using Interimspec;

// HttpClient of .NET, and of Mono: a new one for each plan, SendAsync() with its defaults. With --headers-read the
// head is asked for before the content.
sealed class DotNetHttpClient : Adapter
{
    readonly HttpCompletionOption completion;

    DotNetHttpClient(HttpCompletionOption completion)
        : base(
            OnMono ? "mono-httpclient" : "dotnet-httpclient",
            Runtime(),
            "{\"http\":" + HttpVersions + ",\"tls\":" + Tls + ",\"proxy\":true,\"timers\":[\"total_ms\"],"
                + "\"phases\":" + (completion == HttpCompletionOption.ResponseHeadersRead ? "true" : "false")
                + ",\"expect_continue\":true,\"body_stream\":true,\"concurrent\":true}")
    {
        this.completion = completion;
        Layer(OnMono ? "mono" : ".NET", Runtime());
    }

    // HTTP/2 without TLS wants 3.0, and the one way to ask for nothing else 5.0; TLS wants an OpenSSL
    // of the runtime's time.
    static readonly bool Modern = Environment.Version.Major >= 5;
    static readonly string HttpVersions = Modern ? "[\"1.1\",\"2\"]" : "[\"1.1\"]";
    static readonly string Tls = Modern ? "true" : "false";

    static readonly Type MonoRuntime = Type.GetType("Mono.Runtime");
    static bool OnMono { get { return MonoRuntime != null; } }

    // The folder that a runtime of .NET is loaded from bears its version.
    static string Runtime()
    {
        if (OnMono)
        {
            MethodInfo shown = MonoRuntime.GetMethod("GetDisplayName", BindingFlags.NonPublic | BindingFlags.Static);
            return ((string)shown.Invoke(null, null)).Split(' ')[0];
        }
        return Path.GetFileName(Path.GetDirectoryName(typeof(object).Assembly.Location));
    }

    static void Main(string[] args)
    {
        bool headersRead = args.Contains("--headers-read");
        new DotNetHttpClient(
            headersRead ? HttpCompletionOption.ResponseHeadersRead : HttpCompletionOption.ResponseContentRead).Run();
    }

    protected override ISession Open(Plan plan) { return new Session(plan, completion); }

    // What SendAsync() and the content's stream are documented to throw.
    protected override bool IsTold(Exception error)
    {
        return error is HttpRequestException || error is OperationCanceledException || error is IOException;
    }

    protected override string KindOf(Exception error)
    {
        // Since .NET 5 a timer that has passed is told by a TimeoutException inside.
        if (error is OperationCanceledException)
            return !Modern || error.InnerException is TimeoutException || error.Data.Contains(OwnTimer)
                ? "timeout" : "other";
        string reason = HttpRequestErrorOf(error) ?? (error.InnerException == null ? null : HttpRequestErrorOf(error.InnerException));
        switch (reason)
        {
            case "SecureConnectionError": return "tls";
            case "ResponseEnded": return "closed";
            case "InvalidResponse":
            case "HttpProtocolError": return "protocol";
            case "ConfigurationLimitExceeded": return "limit";
        }
        string socket = null;
        for (Exception one = error; one != null; one = one.InnerException)
        {
            if (one is System.Net.Sockets.SocketException) return null;
            if (one is IOException && one.InnerException == null) socket = "closed";
        }
        // Before .NET 8 what is wrong with an answer has no type of its own.
        return socket ?? (error.InnerException == null ? "protocol" : null);
    }

    const string OwnTimer = "own timer";

    // A filter of exceptions that catches none: notes that the token of the request has passed.
    static bool Note(OperationCanceledException error, CancellationToken token)
    {
        if (token.IsCancellationRequested) error.Data[OwnTimer] = true;
        return false;
    }

    // Since .NET 8; asked for by name, as the one compiler at hand cannot read that runtime's metadata.
    static string HttpRequestErrorOf(Exception error)
    {
        var property = error.GetType().GetProperty("HttpRequestError");
        return property == null ? null : property.GetValue(error).ToString();
    }

    sealed class Session : ISession
    {
        readonly HttpClient client;
        readonly HttpCompletionOption completion;
        readonly Plan plan;
        readonly int? shared;

        public Session(Plan plan, HttpCompletionOption completion)
        {
            this.plan = plan;
            this.completion = completion;
            var handler = new HttpClientHandler();
            if (plan.Proxy != null) handler.Proxy = new WebProxy(plan.Proxy);
            if (plan.CaFile != null) handler.ServerCertificateCustomValidationCallback = TrustOnly(plan.CaFile);
            client = new HttpClient(handler);
            shared = plan.Requests.Max(request => request.Timer("total_ms"));
            if (shared != null) client.Timeout = TimeSpan.FromMilliseconds(shared.Value);
        }

        static Func<HttpRequestMessage, X509Certificate2, X509Chain, SslPolicyErrors, bool> TrustOnly(string caFile)
        {
            var authorities = new X509Certificate2Collection();
            authorities.Import(caFile);
            return (message, certificate, chain, errors) =>
            {
                dynamic policy = chain.ChainPolicy; // TrustMode and CustomTrustStore: since 5.0
                policy.TrustMode = (dynamic)Enum.Parse(((object)policy.TrustMode).GetType(), "CustomRootTrust");
                policy.CustomTrustStore.AddRange(authorities);
                policy.RevocationMode = X509RevocationMode.NoCheck;
                return (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == SslPolicyErrors.None
                    && chain.Build(certificate);
            };
        }

        public void Dispose() { client.Dispose(); }

        public void Send(Request request, Report report)
        {
            // Timeout is the client's, and fixed once a request was made; what a single request has besides is
            // a token, and the shorter of the two holds.
            int? total = request.Timer("total_ms");
            using (var own = new CancellationTokenSource())
            using (HttpRequestMessage message = Message(request))
            {
                if (total != null && total != shared) own.CancelAfter(total.Value);
                try { Exchange(message, own.Token, report); }
                catch (OperationCanceledException error) when (Note(error, own.Token)) { throw; }
            }
        }

        void Exchange(HttpRequestMessage message, CancellationToken token, Report report)
        {
            using (HttpResponseMessage response =
                client.SendAsync(message, completion, token).GetAwaiter().GetResult())
            {
                report.Response((int)response.StatusCode, response.ReasonPhrase, Fields(response));
                report.ReadAll(response.Content.ReadAsStreamAsync().GetAwaiter().GetResult());
            }
        }

        HttpRequestMessage Message(Request request)
        {
            var message = new HttpRequestMessage(new HttpMethod(request.Method), request.Url);
            if (Modern)
            {
                message.Version = plan.Http == "2" ? new Version(2, 0) : HttpVersion.Version11;
                dynamic modern = message; // VersionPolicy: since 5.0
                modern.VersionPolicy =
                    (dynamic)Enum.Parse(((object)modern.VersionPolicy).GetType(), "RequestVersionExact");
            }
            if (request.Body != null)
                message.Content = request.HasPauses
                    ? (HttpContent)new StreamContent(request.BodyStream())
                    : new ByteArrayContent(request.Body);
            if (request.HasPauses) message.Content.Headers.ContentLength = request.Body.Length;
            foreach (var field in request.Headers)
                if (!message.Headers.TryAddWithoutValidation(field.Key, field.Value) && message.Content != null)
                    message.Content.Headers.TryAddWithoutValidation(field.Key, field.Value);
            if (request.ExpectContinue) message.Headers.ExpectContinue = true;
            return message;
        }

        // As text: read one by one, a field with a syntax of its own, such as Server, comes in pieces.
        static IEnumerable<KeyValuePair<string, string>> Fields(HttpResponseMessage response)
        {
            string text = response.Headers.ToString() + response.Content.Headers.ToString();
            foreach (string line in text.Split(new[] { '\n' }, StringSplitOptions.RemoveEmptyEntries))
            {
                int colon = line.IndexOf(':');
                if (colon > 0)
                    yield return new KeyValuePair<string, string>(
                        line.Substring(0, colon), line.Substring(colon + 1).Trim());
            }
        }
    }
}
