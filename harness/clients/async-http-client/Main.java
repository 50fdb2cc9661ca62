// SPDX-License-Identifier: MIT
package interimspec;

import io.netty.channel.ConnectTimeoutException;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.File;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLException;
import org.asynchttpclient.AsyncHttpClient;
import org.asynchttpclient.DefaultAsyncHttpClientConfig;
import org.asynchttpclient.Dsl;
import org.asynchttpclient.RequestBuilder;
import org.asynchttpclient.Response;
import org.asynchttpclient.SslEngineFactory;
import org.asynchttpclient.netty.ssl.DefaultSslEngineFactory;

/** AsyncHttpClient. */
public final class Main extends Adapter {
    private Main() {
        super("async-http-client", versionOf(AsyncHttpClient.class));
        layer("netty-codec-http", versionOf(HttpHeaders.class));
        can("http", Http2.SPOKEN);
        can("tls", true);
        can("timers", List.of("connect_ms", "read_ms", "total_ms"));
        can("expect_continue", true);
        canConcurrently();
    }

    public static void main(String[] args) throws Exception {
        new Main().run();
    }

    @Override
    protected Session open(Plan plan) throws IOException {
        DefaultAsyncHttpClientConfig.Builder config = Dsl.config();
        if (plan.caFile != null) {
            config.setSslEngineFactory(trusting(new File(plan.caFile)));
        }
        if (plan.http.equals("2") && plan.requests.get(0).url.startsWith("http:")) {
            Http2.withPriorKnowledge(config);
        }
        if (plan.requests.get(0).timer("connect_ms") != null) {
            Timers.connect(config, plan.requests.get(0).timer("connect_ms"));
        }
        AsyncHttpClient client = Dsl.asyncHttpClient(config);
        return new Session() {
            @Override
            public void send(Request request, Report report) throws Exception {
                Main.send(client, request, report);
            }

            @Override
            public void close() throws IOException {
                client.close();
            }
        };
    }

    /** The default factory, which offers by ALPN what the client speaks; a context of one's own offers nothing. */
    private static SslEngineFactory trusting(File caFile) {
        return new DefaultSslEngineFactory() {
            @Override
            protected SslContextBuilder configureSslContextBuilder(SslContextBuilder builder) {
                return builder.trustManager(caFile);
            }
        };
    }

    private static void send(AsyncHttpClient client, Request request, Report report)
            throws Exception {
        RequestBuilder builder = new RequestBuilder(request.method).setUrl(request.url);
        for (String[] field : request.headers) {
            builder.addHeader(field[0], field[1]);
        }
        if (request.expectContinue) {
            builder.setHeader("Expect", "100-continue");
        }
        if (request.body != null) {
            builder.setBody(request.body);
        }
        if (request.timer("read_ms") != null) {
            Timers.read(builder, request.timer("read_ms"));
        }
        if (request.timer("total_ms") != null) {
            Timers.total(builder, request.timer("total_ms"));
        }
        Response response = client.executeRequest(builder).get();
        if (response == null) {
            throw new IOException("executeRequest(...).get() returned null: there was no response");
        }
        List<Object> fields = new ArrayList<>();
        for (Map.Entry<String, String> field : response.getHeaders()) {
            fields.add(Arrays.asList(field.getKey(), field.getValue()));
        }
        report.response(response.getStatusCode(), response.getStatusText(), fields);
        byte[] content = response.getResponseBodyAsBytes();
        report.body(content, content.length);
    }

    @Override
    protected String kindOf(Throwable error) {
        if (error instanceof TimeoutException || error instanceof ConnectTimeoutException) {
            return "timeout";
        }
        // It wraps whatever ends a handshake in a ConnectException.
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof SSLException || cause instanceof GeneralSecurityException) {
                return "tls";
            }
        }
        String message = String.valueOf(error.getMessage());
        return message.contains("Remotely closed") ? "closed" : null;
    }
}
