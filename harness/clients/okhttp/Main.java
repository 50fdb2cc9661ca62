// SPDX-License-Identifier: MIT
package interimspec;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.X509TrustManager;
import okhttp3.Headers;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Protocol;
import okhttp3.RequestBody;
import okhttp3.Response;
import okhttp3.internal.http2.ConnectionShutdownException;
import okhttp3.internal.http2.StreamResetException;
import okio.BufferedSink;

/** OkHttp. */
public final class Main extends Adapter {
    private Main() {
        super("okhttp", versionOf(OkHttpClient.class));
        layer("okio", versionOf(BufferedSink.class));
        can("http", List.of("1.1", "2"));
        can("tls", true);
        can("timers", List.of("connect_ms", "read_ms", "total_ms"));
        can("phases", true);
        can("expect_continue", true);
        can("body_stream", true);
        canConcurrently();
    }

    public static void main(String[] args) throws Exception {
        new Main().run();
    }

    @Override
    protected Session open(Plan plan) throws IOException {
        boolean secure = plan.requests.get(0).url.startsWith("https:");
        OkHttpClient.Builder builder = new OkHttpClient.Builder();
        if (plan.caFile != null) {
            builder.sslSocketFactory(Trust.of(plan.caFile).getSocketFactory(),
                    (X509TrustManager) Trust.managers(plan.caFile).getTrustManagers()[0]);
        }
        if (secure && "1.1".equals(plan.http)) {
            builder.protocols(Arrays.asList(Protocol.HTTP_1_1));
        } else if (!secure && "2".equals(plan.http)) {
            builder.protocols(Arrays.asList(Protocol.H2_PRIOR_KNOWLEDGE));
        }
        OkHttpClient client = builder.build();
        return new Session() {
            @Override
            public void send(Request request, Report report) throws IOException {
                Main.send(client, request, report);
            }

            @Override
            public void close() {
                client.dispatcher().executorService().shutdown();
                client.connectionPool().evictAll();
            }
        };
    }

    private static void send(OkHttpClient shared, Request request, Report report) throws IOException {
        okhttp3.Request.Builder builder = new okhttp3.Request.Builder().url(request.url);
        for (String[] field : request.headers) {
            builder.addHeader(field[0], field[1]);
        }
        if (request.expectContinue) {
            builder.header("Expect", "100-continue");
        }
        builder.method(request.method, body(request));
        try (Response response = timed(shared, request).newCall(builder.build()).execute()) {
            Headers fields = response.headers();
            report.response(response.code(), response.message(), Report.fields(fields.toMultimap()));
            report.body(new byte[0], 0);
            readAll(response.body().byteStream(), report);
        }
    }

    /** A client that shares pool and threads with the first, as the documentation says. */
    private static OkHttpClient timed(OkHttpClient shared, Request request) {
        OkHttpClient.Builder builder = shared.newBuilder();
        if (request.timer("connect_ms") != null) {
            builder.connectTimeout(request.timer("connect_ms"), TimeUnit.MILLISECONDS);
        }
        if (request.timer("read_ms") != null) {
            builder.readTimeout(request.timer("read_ms"), TimeUnit.MILLISECONDS);
        }
        if (request.timer("total_ms") != null) {
            builder.callTimeout(request.timer("total_ms"), TimeUnit.MILLISECONDS);
        }
        return builder.build();
    }

    private static RequestBody body(Request request) {
        if (request.body == null) {
            // OkHttp refuses these methods without content.
            boolean needed = List.of("POST", "PUT", "PATCH", "PROPPATCH").contains(request.method);
            return needed ? RequestBody.create((MediaType) null, new byte[0]) : null;
        }
        if (request.pauses.isEmpty()) {
            return RequestBody.create((MediaType) null, request.body);
        }
        return new RequestBody() {
            @Override
            public MediaType contentType() {
                return null;
            }

            @Override
            public long contentLength() {
                return request.body.length;
            }

            @Override
            public void writeTo(BufferedSink sink) throws IOException {
                byte[] buffer = new byte[8192];
                try (InputStream in = request.bodyStream()) {
                    for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                        sink.write(buffer, 0, n).flush();
                    }
                }
            }
        };
    }

    @Override
    protected String kindOf(Throwable error) {
        String message = String.valueOf(error.getMessage());
        if (error instanceof StreamResetException || error instanceof ConnectionShutdownException) {
            return "closed";
        }
        if (message.startsWith("unexpected end of stream")) {
            return "closed";
        }
        return "timeout".equals(message) ? "timeout" : null;
    }
}
