// SPDX-License-Identifier: MIT
package interimspec;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.client.BytesRequestContent;
import org.eclipse.jetty.client.ContinueProtocolHandler;
import org.eclipse.jetty.client.EarlyHintsProtocolHandler;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.HttpResponseException;
import org.eclipse.jetty.client.InputStreamRequestContent;
import org.eclipse.jetty.client.InputStreamResponseListener;
import org.eclipse.jetty.client.ProcessingProtocolHandler;
import org.eclipse.jetty.client.ProtocolHandlers;
import org.eclipse.jetty.client.Response;
import org.eclipse.jetty.client.transport.HttpClientTransportOverHTTP;
import org.eclipse.jetty.http.BadMessageException;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http2.client.HTTP2Client;
import org.eclipse.jetty.http2.client.transport.HttpClientTransportOverHTTP2;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/** Jetty's HttpClient, version 12. */
public final class Main extends Adapter {
    private static final String SHOWN = "shown"; // an attribute of each request

    private Main() {
        super("jetty-client", versionOf(HttpClient.class));
        layer("jetty-http", versionOf(HttpFields.class));
        layer("jetty-io", versionOf(ClientConnector.class));
        can("http", List.of("1.1", "2"));
        can("tls", true);
        can("timers", List.of("connect_ms", "total_ms", "read_ms"));
        can("interim", "fields");
        can("phases", true);
        can("expect_continue", true);
        can("body_stream", true);
        canConcurrently();
    }

    public static void main(String[] args) throws Exception {
        new Main().run();
    }

    @Override
    protected Session open(Plan plan) throws Exception {
        ClientConnector connector = new ClientConnector();
        if (plan.caFile != null) {
            SslContextFactory.Client trust = new SslContextFactory.Client();
            trust.setSslContext(Trust.of(plan.caFile));
            connector.setSslContextFactory(trust);
        }
        HttpClient client = new HttpClient("2".equals(plan.http)
                ? new HttpClientTransportOverHTTP2(new HTTP2Client(connector))
                : new HttpClientTransportOverHTTP(connector));
        if (plan.requests.get(0).timer("connect_ms") != null) {
            client.setConnectTimeout(plan.requests.get(0).timer("connect_ms"));
        }
        client.start();
        observe(client.getProtocolHandlers()); // start() puts those that are there by default
        return new Session() {
            @Override
            public void send(Request request, Report report) throws Exception {
                Main.send(client, request, report);
            }

            @Override
            public void close() throws Exception {
                client.stop();
            }
        };
    }

    private static void send(HttpClient client, Request request, Report report) throws Exception {
        org.eclipse.jetty.client.Request message = client.newRequest(request.url).method(request.method);
        for (String[] field : request.headers) {
            message.headers(fields -> fields.add(field[0], field[1]));
        }
        if (request.expectContinue) {
            message.headers(fields -> fields.put(HttpHeader.EXPECT, "100-continue"));
        }
        if (request.timer("read_ms") != null) {
            message.idleTimeout(request.timer("read_ms"), TimeUnit.MILLISECONDS);
        }
        if (request.timer("total_ms") != null) {
            message.timeout(request.timer("total_ms"), TimeUnit.MILLISECONDS);
        }
        if (request.body != null) {
            message.body(request.pauses.isEmpty()
                    ? new BytesRequestContent(request.body)
                    : new InputStreamRequestContent(request.bodyStream()));
        }
        Shown shown = new Shown(report);
        message.attribute(SHOWN, shown);
        InputStreamResponseListener listener = new InputStreamResponseListener();
        message.send(listener);
        // No limit of its own: the timers of the request end it.
        Response response = listener.get(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
        shown.isOver = true;
        report.response(response.getStatus(), response.getReason(), fields(response.getHeaders()));
        report.body(new byte[0], 0);
        readAll(listener.getInputStream(), report);
    }

    private static List<Object> fields(HttpFields from) {
        List<Object> fields = new ArrayList<>();
        for (HttpField field : from) {
            fields.add(Arrays.asList(field.getName(), field.getValue() == null ? "" : field.getValue()));
        }
        return fields;
    }

    /** The same handlers as by default, whose methods for applications are not empty. */
    private static void observe(ProtocolHandlers handlers) {
        handlers.put(new ContinueProtocolHandler() {
            @Override
            protected Runnable onContinue(org.eclipse.jetty.client.Request request) {
                shown(request).interim(100, List.of());
                return super.onContinue(request);
            }
        });
        handlers.put(new ProcessingProtocolHandler() {
            @Override
            protected void onProcessing(
                    org.eclipse.jetty.client.Request request, HttpFields fields) {
                shown(request).interim(102, fields(fields));
            }
        });
        handlers.put(new EarlyHintsProtocolHandler() {
            @Override
            protected void onEarlyHints(
                    org.eclipse.jetty.client.Request request, HttpFields fields) {
                shown(request).interim(103, fields(fields));
            }
        });
    }

    private static Shown shown(org.eclipse.jetty.client.Request request) {
        return (Shown) request.getAttributes().get(SHOWN);
    }

    /** The interim responses of one request; what a handler is shown behind the final head belongs to no response. */
    private static final class Shown {
        private final Report report;
        private volatile boolean isOver;

        private Shown(Report report) {
            this.report = report;
        }

        private void interim(int status, List<Object> fields) {
            if (!isOver) {
                report.interim(status, fields);
            }
        }
    }

    @Override
    protected boolean tells(RuntimeException error) {
        return error instanceof HttpResponseException;
    }

    @Override
    protected String kindOf(Throwable error) {
        if (error instanceof TimeoutException) {
            return "timeout";
        }
        return error instanceof BadMessageException || error instanceof HttpResponseException
                ? "protocol" : null;
    }
}
