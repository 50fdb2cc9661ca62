// SPDX-License-Identifier: MIT
package interimspec;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.commons.httpclient.ConnectTimeoutException;
import org.apache.commons.httpclient.Header;
import org.apache.commons.httpclient.HttpClient;
import org.apache.commons.httpclient.HttpMethod;
import org.apache.commons.httpclient.NoHttpResponseException;
import org.apache.commons.httpclient.ProtocolException;
import org.apache.commons.httpclient.methods.ByteArrayRequestEntity;
import org.apache.commons.httpclient.methods.DeleteMethod;
import org.apache.commons.httpclient.methods.EntityEnclosingMethod;
import org.apache.commons.httpclient.methods.GetMethod;
import org.apache.commons.httpclient.methods.HeadMethod;
import org.apache.commons.httpclient.methods.InputStreamRequestEntity;
import org.apache.commons.httpclient.methods.OptionsMethod;
import org.apache.commons.httpclient.methods.PostMethod;
import org.apache.commons.httpclient.methods.PutMethod;
import org.apache.commons.httpclient.SimpleHttpConnectionManager;

/** Commons HttpClient 3.1, which much old software still ships. */
public final class Main extends Adapter {
    private Main() {
        super("commons-httpclient", versionOf(HttpClient.class));
        can("timers", List.of("connect_ms", "read_ms"));
        can("phases", true);
        can("expect_continue", true);
        can("body_stream", true);
        can("methods", List.of("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"));
    }

    public static void main(String[] args) throws Exception {
        new Main().run();
    }

    @Override
    protected Session open(Plan plan) {
        HttpClient client = new HttpClient();
        return new Session() {
            @Override
            public void send(Request request, Report report) throws IOException {
                Main.send(client, request, report);
            }

            @Override
            public void close() {
                ((SimpleHttpConnectionManager) client.getHttpConnectionManager()).shutdown();
            }
        };
    }

    private static void send(HttpClient client, Request request, Report report) throws IOException {
        HttpMethod method = method(request);
        for (String[] field : request.headers) {
            method.addRequestHeader(field[0], field[1]);
        }
        if (request.timer("connect_ms") != null) {
            client.getHttpConnectionManager().getParams()
                    .setConnectionTimeout(request.timer("connect_ms"));
        }
        if (request.timer("read_ms") != null) {
            method.getParams().setSoTimeout(request.timer("read_ms"));
        }
        try {
            client.executeMethod(method);
            List<Object> fields = new ArrayList<>();
            for (Header field : method.getResponseHeaders()) {
                fields.add(Arrays.asList(field.getName(), field.getValue()));
            }
            report.response(method.getStatusCode(), method.getStatusText(), fields);
            report.body(new byte[0], 0);
            InputStream content = method.getResponseBodyAsStream();
            if (content != null) {
                readAll(content, report);
            }
        } finally {
            method.releaseConnection();
        }
    }

    private static HttpMethod method(Request request) {
        switch (request.method) {
            case "HEAD":
                return new HeadMethod(request.url);
            case "DELETE":
                return new DeleteMethod(request.url);
            case "OPTIONS":
                return new OptionsMethod(request.url);
            case "POST":
                return withBody(new PostMethod(request.url), request);
            case "PUT":
                return withBody(new PutMethod(request.url), request);
            default:
                return new GetMethod(request.url);
        }
    }

    private static HttpMethod withBody(EntityEnclosingMethod method, Request request) {
        if (request.body != null) {
            method.setRequestEntity(request.pauses.isEmpty()
                    ? new ByteArrayRequestEntity(request.body)
                    : new InputStreamRequestEntity(request.bodyStream(), request.body.length));
        }
        if (request.expectContinue) {
            method.getParams().setBooleanParameter("http.protocol.expect-continue", true);
        }
        return method;
    }

    @Override
    protected String kindOf(Throwable error) {
        if (error instanceof ConnectTimeoutException) {
            return "timeout";
        }
        if (error instanceof NoHttpResponseException) {
            return "closed";
        }
        return error instanceof ProtocolException ? "protocol" : null;
    }
}
