// SPDX-License-Identifier: MIT
package interimspec;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hc.client5.http.ConnectTimeoutException;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClientBuilder;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.client5.http.ssl.SSLConnectionSocketFactory;
import org.apache.hc.core5.http.ConnectionClosedException;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.MessageConstraintException;
import org.apache.hc.core5.http.NoHttpResponseException;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;
import org.apache.hc.core5.http.io.entity.InputStreamEntity;
import org.apache.hc.core5.util.Timeout;

/** Apache HttpClient 5, the classic interface. */
public final class Main extends Adapter {
    private Main() {
        super("apache-httpclient", versionOf(CloseableHttpClient.class));
        layer("httpcore5", versionOf(HttpException.class));
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
    @SuppressWarnings("deprecation") // the way that all of 5.x have
    protected Session open(Plan plan) throws IOException {
        HttpClientBuilder builder = HttpClientBuilder.create();
        if (plan.caFile != null) {
            builder.setConnectionManager(PoolingHttpClientConnectionManagerBuilder.create()
                    .setSSLSocketFactory(new SSLConnectionSocketFactory(Trust.of(plan.caFile)))
                    .build());
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
        HttpUriRequestBase message =
                new HttpUriRequestBase(request.method, java.net.URI.create(request.url));
        message.setConfig(config(request));
        for (String[] field : request.headers) {
            message.addHeader(field[0], field[1]);
        }
        if (request.body != null) {
            message.setEntity(request.pauses.isEmpty()
                    ? new ByteArrayEntity(request.body, null)
                    : new InputStreamEntity(request.bodyStream(), request.body.length, null));
        }
        client.execute(message, response -> {
            List<Object> fields = new ArrayList<>();
            for (Header field : response.getHeaders()) {
                fields.add(Arrays.asList(field.getName(), field.getValue()));
            }
            report.response(response.getCode(), response.getReasonPhrase(), fields);
            report.body(new byte[0], 0);
            HttpEntity content = response.getEntity();
            if (content != null) {
                readAll(content.getContent(), report);
            }
            return null;
        });
    }

    @SuppressWarnings("deprecation") // setConnectTimeout: the way that all of 5.x have
    private static RequestConfig config(Request request) {
        RequestConfig.Builder config = RequestConfig.custom();
        if (request.timer("connect_ms") != null) {
            config.setConnectTimeout(Timeout.ofMilliseconds(request.timer("connect_ms")));
        }
        if (request.timer("read_ms") != null) {
            config.setResponseTimeout(Timeout.ofMilliseconds(request.timer("read_ms")));
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
