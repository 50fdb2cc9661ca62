// SPDX-License-Identifier: MIT
package interimspec;

import com.linecorp.armeria.client.ClientFactory;
import com.linecorp.armeria.client.ClientFactoryBuilder;
import com.linecorp.armeria.client.InvalidResponseException;
import com.linecorp.armeria.client.ResponseTimeoutException;
import com.linecorp.armeria.client.WebClient;
import com.linecorp.armeria.common.AggregatedHttpResponse;
import com.linecorp.armeria.common.ClosedSessionException;
import com.linecorp.armeria.common.HttpData;
import com.linecorp.armeria.common.HttpHeaders;
import com.linecorp.armeria.common.HttpMethod;
import com.linecorp.armeria.common.HttpObject;
import com.linecorp.armeria.common.HttpRequest;
import com.linecorp.armeria.common.RequestHeaders;
import com.linecorp.armeria.common.RequestHeadersBuilder;
import com.linecorp.armeria.common.ResponseHeaders;
import com.linecorp.armeria.common.stream.ClosedStreamException;
import io.netty.channel.ConnectTimeoutException;
import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;

/** Armeria's WebClient; with `--stream` responses are taken as they come. */
public final class Main extends Adapter {
    private final boolean streams;

    private Main(boolean streams) {
        super("armeria", versionOf(WebClient.class));
        this.streams = streams;
        layer("netty-codec-http", versionOf(io.netty.handler.codec.http.HttpHeaders.class));
        can("http", List.of("1.1", "2"));
        can("tls", true);
        can("timers", List.of("connect_ms", "total_ms"));
        can("interim", "fields");
        can("phases", streams);
        canConcurrently();
        // HttpMethod is an enumeration.
        can("methods", List.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"));
    }

    public static void main(String[] args) throws Exception {
        new Main(Arrays.asList(args).contains("--stream")).run();
    }

    @Override
    protected Session open(Plan plan) {
        ClientFactoryBuilder builder = ClientFactory.builder();
        if (plan.caFile != null) {
            builder.tlsCustomizer(context -> context.trustManager(new File(plan.caFile)));
        }
        if (plan.requests.get(0).timer("connect_ms") != null) {
            builder.connectTimeout(Duration.ofMillis(plan.requests.get(0).timer("connect_ms")));
        }
        ClientFactory factory = builder.build();
        WebClient client = WebClient.builder().factory(factory).build();
        return new Session() {
            @Override
            public void send(Request request, Report report) throws Exception {
                Main.this.send(client, plan, request, report);
            }

            @Override
            public void close() {
                factory.close();
            }
        };
    }

    /** In Armeria the scheme says which version of HTTP: h1c, h1, h2c, h2. */
    private static String target(Plan plan, String url) {
        return ("2".equals(plan.http) ? "h2" : "h1")
                + (url.startsWith("https:") ? url.substring(5) : "c" + url.substring(4));
    }

    private void send(WebClient shared, Plan plan, Request request, Report report)
            throws Exception {
        RequestHeadersBuilder head = RequestHeaders.builder(
                HttpMethod.valueOf(request.method), target(plan, request.url));
        for (String[] field : request.headers) {
            head.add(field[0], field[1]);
        }
        HttpRequest message = request.body == null ? HttpRequest.of(head.build())
                : HttpRequest.of(head.build(), HttpData.wrap(request.body));
        WebClient client = request.timer("total_ms") == null ? shared
                : WebClient.builder().factory(shared.options().factory())
                        .responseTimeoutMillis(request.timer("total_ms")).build();
        if (!streams) {
            tell(client.execute(message).aggregate().get(), report);
            return;
        }
        Answer answer = new Answer(report);
        client.execute(message).subscribe(answer);
        answer.over.get();
    }

    private static void tell(AggregatedHttpResponse response, Report report) {
        for (ResponseHeaders head : response.informationals()) {
            report.interim(head.status().code(), fields(head));
        }
        report.response(response.status().code(), null, fields(response.headers()));
        report.body(response.content().array(), response.content().length());
    }

    private static List<Object> fields(HttpHeaders head) {
        List<Object> fields = new ArrayList<>();
        head.forEach((name, value) -> {
            if (name.charAt(0) != ':') {
                fields.add(Arrays.asList(name.toString(), value));
            }
        });
        return fields;
    }

    /** Takes what the client hands over, as it comes. */
    private static final class Answer implements Subscriber<HttpObject> {
        final CompletableFuture<Void> over = new CompletableFuture<>();
        private final Report report;

        Answer(Report report) {
            this.report = report;
        }

        @Override
        public void onSubscribe(Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(HttpObject part) {
            if (part instanceof ResponseHeaders) {
                ResponseHeaders head = (ResponseHeaders) part;
                if (head.status().isInformational()) {
                    report.interim(head.status().code(), fields(head));
                } else {
                    report.response(head.status().code(), null, fields(head));
                    report.body(new byte[0], 0);
                }
            } else if (part instanceof HttpData) {
                byte[] octets = ((HttpData) part).array();
                report.body(octets, octets.length);
            }
        }

        @Override
        public void onError(Throwable error) {
            over.completeExceptionally(error);
        }

        @Override
        public void onComplete() {
            over.complete(null);
        }
    }

    @Override
    protected String kindOf(Throwable error) {
        if (error instanceof ResponseTimeoutException || error instanceof ConnectTimeoutException) {
            return "timeout";
        }
        if (error instanceof InvalidResponseException) {
            return "protocol";
        }
        return error instanceof ClosedSessionException || error instanceof ClosedStreamException
                ? "closed" : null;
    }
}
