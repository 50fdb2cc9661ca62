// SPDX-License-Identifier: MIT
package interimspec;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kong.unirest.core.Header;
import kong.unirest.core.HttpRequest;
import kong.unirest.core.HttpRequestWithBody;
import kong.unirest.core.Unirest;
import kong.unirest.core.UnirestException;
import kong.unirest.core.UnirestInstance;

/** Unirest 4, a layer on java.net.http. */
public final class Main extends Adapter {
    private Main() {
        super("unirest", versionOf(Unirest.class));
        layer("java.net.http", jdkVersion());
        can("tls", true);
        can("timers", List.of("connect_ms", "total_ms"));
        can("phases", true);
    }

    public static void main(String[] args) throws Exception {
        new Main().run();
    }

    @Override
    protected Session open(Plan plan) throws IOException {
        UnirestInstance unirest = Unirest.spawnInstance();
        if (plan.caFile != null) {
            unirest.config().sslContext(Trust.of(plan.caFile));
        }
        if (plan.requests.get(0).timer("connect_ms") != null) {
            unirest.config().connectTimeout(plan.requests.get(0).timer("connect_ms"));
        }
        return new Session() {
            @Override
            public void send(Request request, Report report) {
                Main.send(unirest, request, report);
            }

            @Override
            public void close() {
                unirest.close();
            }
        };
    }

    private static void send(UnirestInstance unirest, Request request, Report report) {
        HttpRequestWithBody message = unirest.request(request.method, request.url);
        for (String[] field : request.headers) {
            message.header(field[0], field[1]);
        }
        if (request.timer("total_ms") != null) {
            message.requestTimeout(request.timer("total_ms"));
        }
        HttpRequest<?> whole = request.body == null ? message : message.body(request.body);
        whole.thenConsume(response -> {
            List<Object> fields = new ArrayList<>();
            for (Header field : response.getHeaders().all()) {
                fields.add(Arrays.asList(field.getName(), field.getValue()));
            }
            report.response(response.getStatus(), response.getStatusText(), fields);
            report.body(new byte[0], 0);
            try {
                readAll(response.getContent(), report);
            } catch (IOException error) {
                throw new java.io.UncheckedIOException(error);
            }
        });
    }

    @Override
    protected boolean tells(RuntimeException error) {
        return error instanceof UnirestException || error instanceof java.io.UncheckedIOException;
    }

    @Override
    protected String kindOf(Throwable error) {
        String message = String.valueOf(error.getMessage());
        if (error instanceof java.net.http.HttpTimeoutException) {
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
