// SPDX-License-Identifier: MIT
package interimspec;

import io.netty.channel.ConnectTimeoutException;
import io.netty.handler.ssl.SslClosedEngineException;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpClosedException;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.http.StreamResetException;
import io.vertx.core.net.PemTrustOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;

/** Vert.x HttpClient. */
public final class Main extends Adapter {
    private static final Vertx VERTX = Vertx.vertx();

    private Main() {
        super("vertx", versionOf(Vertx.class));
        layer("netty-codec-http", versionOf(io.netty.handler.codec.http.HttpHeaders.class));
        can("http", List.of("1.1", "2"));
        can("tls", true);
        can("timers", List.of("connect_ms", "read_ms"));
        can("interim", "fields");
        can("phases", true);
        canConcurrently();
    }

    public static void main(String[] args) throws Exception {
        new Main().run();
    }

    @Override
    protected Session open(Plan plan) {
        HttpClientOptions options = new HttpClientOptions();
        if ("2".equals(plan.http)) {
            // Without the upgrade of HTTP/1.1: prior knowledge for http, ALPN for https.
            options.setProtocolVersion(HttpVersion.HTTP_2).setHttp2ClearTextUpgrade(false);
            options.setUseAlpn(plan.requests.get(0).url.startsWith("https:"));
        }
        if (plan.caFile != null) {
            options.setTrustOptions(new PemTrustOptions().addCertPath(plan.caFile));
        }
        if (plan.requests.get(0).timer("connect_ms") != null) {
            options.setConnectTimeout(plan.requests.get(0).timer("connect_ms"));
        }
        HttpClient client = VERTX.createHttpClient(options);
        return new Session() {
            @Override
            public void send(Request request, Report report) throws Exception {
                Future<Void> done = Main.send(client, request, report);
                done.toCompletionStage().toCompletableFuture().get();
            }

            @Override
            public void close() throws Exception {
                client.close().toCompletionStage().toCompletableFuture().get();
            }
        };
    }

    private static Future<Void> send(HttpClient client, Request request, Report report) {
        RequestOptions options = new RequestOptions().setAbsoluteURI(request.url)
                .setMethod(HttpMethod.valueOf(request.method));
        for (String[] field : request.headers) {
            options.addHeader(field[0], field[1]);
        }
        if (request.timer("read_ms") != null) {
            options.setIdleTimeout(request.timer("read_ms"));
        }
        return client.request(options).compose(message -> {
            message.continueHandler(nothing -> report.interim(100, List.of()));
            message.earlyHintsHandler(hints -> report.interim(103, fields(hints)));
            return answer(message, request);
        }).compose(response -> {
            report.response(response.statusCode(), response.statusMessage(),
                    fields(response.headers()));
            report.body(new byte[0], 0);
            response.handler(part -> report.body(part.getBytes(), part.length()));
            return response.end();
        });
    }

    private static Future<HttpClientResponse> answer(HttpClientRequest message, Request request) {
        return request.body == null ? message.send() : message.send(Buffer.buffer(request.body));
    }

    private static List<Object> fields(MultiMap from) {
        List<Object> fields = new ArrayList<>();
        for (Map.Entry<String, String> field : from) {
            fields.add(Arrays.asList(field.getKey(), field.getValue()));
        }
        return fields;
    }

    @Override
    protected String kindOf(Throwable error) {
        if (error instanceof TimeoutException || error instanceof ConnectTimeoutException) {
            return "timeout";
        }
        // The TLS of a connection that is being closed, not a handshake that failed.
        boolean closed = error instanceof HttpClosedException
                || error instanceof StreamResetException
                || error instanceof SslClosedEngineException;
        return closed ? "closed" : null;
    }
}
