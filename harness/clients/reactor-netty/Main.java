// SPDX-License-Identifier: MIT
package interimspec;

import io.netty.channel.ChannelOption;
import io.netty.channel.ConnectTimeoutException;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.timeout.TimeoutException;
import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;
import reactor.netty.ByteBufFlux;
import reactor.netty.http.Http11SslContextSpec;
import reactor.netty.http.Http2SslContextSpec;
import reactor.netty.http.HttpProtocol;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.client.HttpClientResponse;
import reactor.netty.http.client.PrematureCloseException;

/** Reactor Netty's HttpClient, below Spring's WebClient. */
public final class Main extends Adapter {
    private Main() {
        super("reactor-netty", versionOf(HttpClient.class));
        layer("netty-codec-http", versionOf(HttpHeaders.class));
        can("http", List.of("1.1", "2"));
        can("tls", true);
        can("timers", List.of("connect_ms", "read_ms"));
        can("phases", true);
        canConcurrently();
    }

    public static void main(String[] args) throws Exception {
        new Main().run();
    }

    @Override
    protected Session open(Plan plan) {
        boolean secure = plan.requests.get(0).url.startsWith("https:");
        boolean http2 = "2".equals(plan.http);
        HttpClient client = HttpClient.create();
        if (http2) {
            client = client.protocol(secure ? HttpProtocol.H2 : HttpProtocol.H2C);
        }
        if (plan.caFile != null) {
            File trusted = new File(plan.caFile);
            client = http2
                    ? client.secure(spec -> spec.sslContext(Http2SslContextSpec.forClient()
                            .configure(context -> context.trustManager(trusted))))
                    : client.secure(spec -> spec.sslContext(Http11SslContextSpec.forClient()
                            .configure(context -> context.trustManager(trusted))));
        }
        HttpClient made = client;
        return new Session() {
            @Override
            public void send(Request request, Report report) throws Exception {
                try {
                    Main.send(made, request, report);
                } catch (RuntimeException error) {
                    // block() wraps what a subscriber would be given; this is how it is taken out.
                    Throwable given = Exceptions.unwrap(error);
                    throw given instanceof Exception ? (Exception) given : error;
                }
            }

            @Override
            public void close() {
                // Clients share the pool and the threads of the process, as documented.
            }
        };
    }

    private static void send(HttpClient shared, Request request, Report report) {
        HttpClient client = shared.headers(fields -> {
            for (String[] field : request.headers) {
                fields.add(field[0], field[1]);
            }
            if (request.body != null) {
                fields.set("content-length", request.body.length);
            }
        });
        if (request.timer("connect_ms") != null) {
            client = client.option(ChannelOption.CONNECT_TIMEOUT_MILLIS, request.timer("connect_ms"));
        }
        if (request.timer("read_ms") != null) {
            client = client.responseTimeout(Duration.ofMillis(request.timer("read_ms")));
        }
        HttpClient.RequestSender sender =
                client.request(HttpMethod.valueOf(request.method)).uri(request.url);
        HttpClient.ResponseReceiver<?> receiver = request.body == null ? sender
                : sender.send(ByteBufFlux.fromInbound(Mono.just(request.body)));
        receiver.response((response, content) -> {
            report.response(response.status().code(), response.status().reasonPhrase(),
                    fields(response));
            report.body(new byte[0], 0);
            return content.asByteArray().doOnNext(octets -> report.body(octets, octets.length));
        }).blockLast();
    }

    private static List<Object> fields(HttpClientResponse response) {
        List<Object> fields = new ArrayList<>();
        for (Map.Entry<String, String> field : response.responseHeaders()) {
            fields.add(Arrays.asList(field.getKey(), field.getValue()));
        }
        return fields;
    }

    @Override
    protected boolean tells(RuntimeException error) {
        // block() throws whatever a subscriber is told, such as Netty's unchecked errors of decoding.
        return true;
    }

    @Override
    protected String kindOf(Throwable error) {
        if (error instanceof TimeoutException || error instanceof ConnectTimeoutException) {
            return "timeout";
        }
        if (error instanceof IllegalArgumentException || error instanceof DecoderException) {
            return "protocol";
        }
        return error instanceof PrematureCloseException ? "closed" : null;
    }
}
