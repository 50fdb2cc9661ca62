// SPDX-License-Identifier: MIT
package interimspec;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.springframework.http.HttpMethod;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.RestClientException;

/** Spring's RestClient with nothing else on the class path: a layer on java.net.http. */
public final class Main extends Adapter {
    private Main() {
        super("spring-restclient", versionOf(RestClient.class));
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
        HttpClient.Builder jdk = HttpClient.newBuilder();
        if (plan.caFile != null) {
            jdk.sslContext(Trust.of(plan.caFile));
        }
        if (plan.requests.get(0).timer("connect_ms") != null) {
            jdk.connectTimeout(Duration.ofMillis(plan.requests.get(0).timer("connect_ms")));
        }
        HttpClient below = jdk.build();
        return new Session() {
            @Override
            public void send(Request request, Report report) {
                Main.send(below, request, report);
            }

            @Override
            public void close() {
                // RestClient has nothing to close.
            }
        };
    }

    private static void send(HttpClient below, Request request, Report report) {
        JdkClientHttpRequestFactory factory = new JdkClientHttpRequestFactory(below);
        if (request.timer("total_ms") != null) {
            factory.setReadTimeout(Duration.ofMillis(request.timer("total_ms")));
        }
        RestClient client = RestClient.builder().requestFactory(factory).build();
        RestClient.RequestBodySpec message = client.method(HttpMethod.valueOf(request.method))
                .uri(URI.create(request.url));
        for (String[] field : request.headers) {
            message.header(field[0], field[1]);
        }
        if (request.body != null) {
            message.body(request.body);
        }
        message.exchange((sent, response) -> {
            List<Object> fields = new ArrayList<>();
            response.getHeaders().forEach((name, values) ->
                    values.forEach(value -> fields.add(Arrays.asList(name, value))));
            report.response(response.getStatusCode().value(), response.getStatusText(), fields);
            report.body(new byte[0], 0);
            InputStream content = response.getBody();
            if (content != null) {
                readAll(content, report);
            }
            return null;
        });
    }

    @Override
    protected boolean tells(RuntimeException error) {
        return error instanceof RestClientException;
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
