// SPDX-License-Identifier: MIT
package interimspec;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/** The JDK's java.net.http.HttpClient; `--http11` asks it for HTTP/1.1 and no upgrade. */
public final class Main extends Adapter {
    private final boolean onlyHttp11;

    private Main(boolean onlyHttp11) {
        super("java-net-http", jdkVersion());
        this.onlyHttp11 = onlyHttp11;
        can("http", onlyHttp11 ? List.of("1.1") : List.of("1.1", "2"));
        can("tls", true);
        can("timers", List.of("connect_ms", "total_ms"));
        can("phases", true);
        can("body_stream", true);
        can("expect_continue", true);
        canConcurrently();
    }

    public static void main(String[] args) throws Exception {
        new Main(Arrays.asList(args).contains("--http11")).run();
    }

    /** Over http:// HTTP/2 is only reached by an upgrade of HTTP/1.1. */
    @Override
    protected Object[] refuses(Plan plan) {
        boolean known = "2".equals(plan.http) && plan.requests.get(0).url.startsWith("http:");
        return known ? new Object[] {"http", "2 without an upgrade"} : null;
    }

    @Override
    protected Session open(Plan plan) throws IOException {
        HttpClient.Builder builder = HttpClient.newBuilder();
        boolean secure = plan.requests.get(0).url.startsWith("https:");
        if (onlyHttp11 || (secure && "1.1".equals(plan.http))) {
            builder.version(HttpClient.Version.HTTP_1_1);
        }
        if (plan.caFile != null) {
            builder.sslContext(Trust.of(plan.caFile));
        }
        Integer connectMs = plan.requests.get(0).timer("connect_ms");
        if (connectMs != null) {
            builder.connectTimeout(Duration.ofMillis(connectMs));
        }
        HttpClient client = builder.build();
        return new Session() {
            @Override
            public void send(Request request, Report report)
                    throws IOException, InterruptedException {
                Main.send(client, request, report);
            }

            @Override
            public void close() {
                Main.close(client);
            }
        };
    }

    /** Since 21 a client can be closed; before, it ends by itself when nobody holds it. */
    private static void close(HttpClient client) {
        try {
            Method shutdown = HttpClient.class.getMethod("shutdownNow");
            shutdown.invoke(client);
        } catch (NoSuchMethodException before21) {
            // Nothing to call.
        } catch (IllegalAccessException | InvocationTargetException error) {
            throw new IllegalStateException(error);
        }
    }

    private static void send(HttpClient client, Request request, Report report)
            throws IOException, InterruptedException {
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(request.url))
                .method(request.method, publisher(request));
        for (String[] field : request.headers) {
            builder.header(field[0], field[1]);
        }
        if (request.timer("total_ms") != null) {
            builder.timeout(Duration.ofMillis(request.timer("total_ms")));
        }
        if (request.expectContinue) {
            builder.expectContinue(true);
        }
        HttpResponse<InputStream> response =
                client.send(builder.build(), BodyHandlers.ofInputStream());
        report.response(response.statusCode(), null, Report.fields(response.headers().map()));
        report.body(new byte[0], 0);
        readAll(response.body(), report);
    }

    private static BodyPublisher publisher(Request request) {
        if (request.body == null) {
            return BodyPublishers.noBody();
        }
        if (request.pauses.isEmpty()) {
            return BodyPublishers.ofByteArray(request.body);
        }
        return BodyPublishers.ofInputStream(request::bodyStream);
    }

    @Override
    protected String kindOf(Throwable error) {
        String message = String.valueOf(error.getMessage());
        if (error instanceof HttpTimeoutException) {
            return "timeout";
        }
        if (message.contains("Invalid status line") || message.contains("protocol error")
                || message.contains("parsing HTTP/1.1")) {
            return error.getCause() == null ? "protocol" : null;
        }
        return message.contains("fixed content-length") || message.startsWith("EOF reached")
                || message.contains("closed") ? "closed" : null;
    }
}
