// SPDX-License-Identifier: MIT
package interimspec;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.http.ConnectionClosedException;
import org.apache.http.Header;
import org.apache.http.HttpEntity;
import org.apache.http.HttpException;
import org.apache.http.MessageConstraintException;
import org.apache.http.NoHttpResponseException;
import org.apache.http.client.ClientProtocolException;
import org.apache.http.client.config.RequestConfig;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.RequestBuilder;
import org.apache.http.conn.ConnectTimeoutException;
import org.apache.http.entity.ByteArrayEntity;
import org.apache.http.entity.InputStreamEntity;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClientBuilder;

/** Apache HttpClient 4. */
public final class Main extends Adapter {
    private Main() {
        super("apache-httpclient4", versionOf(CloseableHttpClient.class));
        layer("httpcore", versionOf(HttpException.class));
        can("tls", true);
        can("timers", List.of("connect_ms", "read_ms"));
        can("phases", true);
        can("expect_continue", true);
        can("body_stream", true);
    }

    public static void main(String[] args) throws Exception {
        new Main().run();
    }

    @Override
    protected Session open(Plan plan) throws IOException {
        HttpClientBuilder builder = HttpClientBuilder.create();
        if (plan.caFile != null) {
            builder.setSslcontext(Trust.of(plan.caFile));
        }
        CloseableHttpClient client = builder.build();
        return new Session() {
            @Override
            public void send(Request request, Report report) throws IOException {
                Main.send(client, request, report);
            }

            @Override
            public void close() throws IOException {
                client.close();
            }
        };
    }

    private static void send(CloseableHttpClient client, Request request, Report report)
            throws IOException {
        RequestBuilder message = RequestBuilder.create(request.method).setUri(request.url);
        message.setConfig(config(request));
        for (String[] field : request.headers) {
            message.addHeader(field[0], field[1]);
        }
        if (request.body != null) {
            message.setEntity(request.pauses.isEmpty()
                    ? new ByteArrayEntity(request.body)
                    : new InputStreamEntity(request.bodyStream(), request.body.length));
        }
        try (CloseableHttpResponse response = client.execute(message.build())) {
            List<Object> fields = new ArrayList<>();
            for (Header field : response.getAllHeaders()) {
                fields.add(Arrays.asList(field.getName(), field.getValue()));
            }
            report.response(response.getStatusLine().getStatusCode(),
                    response.getStatusLine().getReasonPhrase(), fields);
            report.body(new byte[0], 0);
            HttpEntity content = response.getEntity();
            if (content != null) {
                readAll(content.getContent(), report);
            }
        }
    }

    private static RequestConfig config(Request request) {
        RequestConfig.Builder config = RequestConfig.custom();
        if (request.timer("connect_ms") != null) {
            config.setConnectTimeout(request.timer("connect_ms"));
        }
        if (request.timer("read_ms") != null) {
            config.setSocketTimeout(request.timer("read_ms"));
        }
        if (request.expectContinue) {
            config.setExpectContinueEnabled(true);
        }
        return config.build();
    }

    @Override
    protected String kindOf(Throwable error) {
        if (error instanceof ConnectTimeoutException) {
            return "timeout";
        }
        if (error instanceof NoHttpResponseException || error instanceof ConnectionClosedException) {
            return "closed";
        }
        if (error instanceof MessageConstraintException) {
            return "limit";
        }
        return error instanceof HttpException ? "protocol" : null;
    }
}
