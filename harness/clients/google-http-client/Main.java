// SPDX-License-Identifier: MIT
package interimspec;

import com.google.api.client.http.ByteArrayContent;
import com.google.api.client.http.GenericUrl;
import com.google.api.client.http.HttpContent;
import com.google.api.client.http.HttpHeaders;
import com.google.api.client.http.HttpRequest;
import com.google.api.client.http.HttpResponse;
import com.google.api.client.http.HttpResponseException;
import com.google.api.client.http.javanet.NetHttpTransport;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Google HTTP Client Library with its default transport, a layer on HttpURLConnection. */
public final class Main extends Adapter {
    private Main() {
        super("google-http-client", versionOf(HttpRequest.class));
        layer("HttpURLConnection", jdkVersion());
        can("tls", true);
        can("timers", List.of("connect_ms", "read_ms"));
        can("phases", true);
        // HttpURLConnection below refuses others.
        can("methods", List.of("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"));
    }

    public static void main(String[] args) throws Exception {
        new Main().run();
    }

    @Override
    protected Session open(Plan plan) throws IOException {
        NetHttpTransport.Builder builder = new NetHttpTransport.Builder();
        if (plan.caFile != null) {
            builder.setSslSocketFactory(Trust.of(plan.caFile).getSocketFactory());
        }
        NetHttpTransport transport = builder.build();
        return new Session() {
            @Override
            public void send(Request request, Report report) throws IOException {
                Main.send(transport, request, report);
            }

            @Override
            public void close() throws IOException {
                transport.shutdown();
            }
        };
    }

    private static void send(NetHttpTransport transport, Request request, Report report)
            throws IOException {
        HttpContent content =
                request.body == null ? null : new ByteArrayContent(null, request.body);
        HttpRequest message = transport.createRequestFactory()
                .buildRequest(request.method, new GenericUrl(request.url), content);
        for (String[] field : request.headers) {
            message.getHeaders().set(field[0], field[1]);
        }
        if (request.timer("connect_ms") != null) {
            message.setConnectTimeout(request.timer("connect_ms"));
        }
        if (request.timer("read_ms") != null) {
            message.setReadTimeout(request.timer("read_ms"));
        }
        HttpResponse response = message.execute();
        try {
            report.response(response.getStatusCode(), response.getStatusMessage(),
                    fields(response.getHeaders()));
            report.body(new byte[0], 0);
            InputStream stream = response.getContent();
            if (stream != null) {
                readAll(stream, report);
            }
        } finally {
            response.disconnect();
        }
    }

    private static List<Object> fields(HttpHeaders from) {
        List<Object> fields = new ArrayList<>();
        for (Map.Entry<String, Object> field : from.entrySet()) {
            List<?> values = field.getValue() instanceof List
                    ? (List<?>) field.getValue() : List.of(field.getValue());
            for (Object value : values) {
                fields.add(Arrays.asList(field.getKey(), String.valueOf(value)));
            }
        }
        return fields;
    }

    @Override
    protected Integer statusOf(Throwable error) {
        return ((HttpResponseException) error).getStatusCode();
    }

    @Override
    protected String kindOf(Throwable error) {
        String message = String.valueOf(error.getMessage());
        if (error instanceof HttpResponseException) {
            return "status";
        }
        return message.startsWith("Unexpected end of file")
                || message.contains("but only received") ? "closed" : null;
    }
}
