// SPDX-License-Identifier: MIT
package interimspec;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hc.client5.http.ConnectTimeoutException;
import org.apache.hc.client5.http.async.methods.AbstractBinResponseConsumer;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.config.TlsConfig;
import org.apache.hc.client5.http.impl.async.CloseableHttpAsyncClient;
import org.apache.hc.client5.http.impl.async.HttpAsyncClients;
import org.apache.hc.client5.http.impl.nio.PoolingAsyncClientConnectionManagerBuilder;
import org.apache.hc.client5.http.protocol.HttpClientContext;
import org.apache.hc.client5.http.ssl.ClientTlsStrategyBuilder;
import org.apache.hc.core5.http.ConnectionClosedException;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.HttpResponse;
import org.apache.hc.core5.http.MessageConstraintException;
import org.apache.hc.core5.http.RequestNotExecutedException;
import org.apache.hc.core5.http.nio.support.AsyncRequestBuilder;
import org.apache.hc.core5.http.protocol.HttpContext;
import org.apache.hc.core5.http2.H2StreamResetException;
import org.apache.hc.core5.http2.HttpVersionPolicy;
import org.apache.hc.core5.util.Timeout;

/** Apache HttpClient 5, the asynchronous interface; with `--http2` HTTP/2 and nothing else. */
public final class Main extends Adapter {
    private final boolean onlyHttp2;

    private Main(boolean onlyHttp2) {
        super("apache-httpclient-async", versionOf(CloseableHttpAsyncClient.class));
        layer("httpcore5", versionOf(HttpException.class));
        layer("httpcore5-h2", versionOf(HttpVersionPolicy.class));
        this.onlyHttp2 = onlyHttp2;
        can("http", List.of(onlyHttp2 ? "2" : "1.1"));
        can("tls", true);
        // The documentation of setResponseTimeout() leaves out what multiplexes.
        can("timers", onlyHttp2 ? List.of("connect_ms") : List.of("connect_ms", "read_ms"));
        can("interim", "fields");
        can("expect_continue", true);
        canConcurrently();
    }

    public static void main(String[] args) throws Exception {
        new Main(Arrays.asList(args).contains("--http2")).run();
    }

    @Override
    protected Session open(Plan plan) throws IOException {
        PoolingAsyncClientConnectionManagerBuilder pool =
                PoolingAsyncClientConnectionManagerBuilder.create();
        if (plan.caFile != null) {
            pool.setTlsStrategy(ClientTlsStrategyBuilder.create()
                    .setSslContext(Trust.of(plan.caFile)).build());
        }
        pool.setDefaultTlsConfig(TlsConfig.custom().setVersionPolicy(onlyHttp2
                ? HttpVersionPolicy.FORCE_HTTP_2 : HttpVersionPolicy.FORCE_HTTP_1).build());
        CloseableHttpAsyncClient client =
                HttpAsyncClients.custom().setConnectionManager(pool.build()).build();
        client.start();
        return new Session() {
            @Override
            public void send(Request request, Report report) throws Exception {
                Main.this.send(client, request, report);
            }

            @Override
            public void close() throws IOException {
                client.close();
            }
        };
    }

    private void send(CloseableHttpAsyncClient client, Request request, Report report)
            throws Exception {
        AsyncRequestBuilder builder = AsyncRequestBuilder.create(request.method)
                .setUri(request.url);
        for (String[] field : request.headers) {
            builder.addHeader(field[0], field[1]);
        }
        if (request.body != null) {
            builder.setEntity(request.body, null);
        }
        HttpClientContext context = HttpClientContext.create();
        context.setRequestConfig(config(request));
        Consumer consumer = new Consumer(report);
        client.execute(builder.build(), consumer, context, null).get();
        // HTTP/2 has no reason phrase; getReasonPhrase() makes one up, and fails for odd codes.
        report.response(consumer.head.getCode(),
                onlyHttp2 ? null : consumer.head.getReasonPhrase(), fieldsOf(consumer.head));
        report.body(consumer.content.toByteArray(), consumer.content.size());
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

    private static List<Object> fieldsOf(HttpResponse response) {
        List<Object> fields = new ArrayList<>();
        for (Header field : response.getHeaders()) {
            fields.add(Arrays.asList(field.getName(), field.getValue()));
        }
        return fields;
    }

    /**
     * Shows interim responses as they come and keeps the response, as SimpleResponseConsumer does. A
     * request that the client sends again by itself begins again here.
     */
    private static final class Consumer extends AbstractBinResponseConsumer<Void> {
        private final Report report;
        private volatile HttpResponse head;
        private volatile ByteArrayOutputStream content;

        Consumer(Report report) {
            this.report = report;
        }

        @Override
        public void informationResponse(HttpResponse response, HttpContext context) {
            report.interim(response.getCode(), fieldsOf(response));
        }

        @Override
        protected void start(HttpResponse response, ContentType contentType) {
            head = response;
            content = new ByteArrayOutputStream();
        }

        @Override
        protected int capacityIncrement() {
            return Integer.MAX_VALUE;
        }

        @Override
        protected void data(ByteBuffer source, boolean endOfStream) {
            byte[] octets = new byte[source.remaining()];
            source.get(octets);
            content.write(octets, 0, octets.length);
        }

        @Override
        protected Void buildResult() {
            return null;
        }

        @Override
        public void releaseResources() {
            // Nothing is held.
        }
    }

    @Override
    protected String kindOf(Throwable error) {
        if (error instanceof ConnectTimeoutException) {
            return "timeout";
        }
        if (error instanceof ConnectionClosedException || error instanceof H2StreamResetException
                || error instanceof RequestNotExecutedException) {
            return "closed";
        }
        if (error instanceof MessageConstraintException) {
            return "limit";
        }
        return error instanceof HttpException ? "protocol" : null;
    }
}
