// SPDX-License-Identifier: MIT
package interimspec;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.util.List;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLSocketFactory;

/** The JDK's HttpURLConnection. */
public final class Main extends Adapter {
    private Main() {
        super("java-httpurlconnection", jdkVersion());
        can("tls", true);
        can("timers", List.of("connect_ms", "read_ms"));
        can("phases", true);
        can("body_stream", true);
        can("expect_continue", true);
        // setRequestMethod refuses others.
        can("methods", List.of("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"));
    }

    public static void main(String[] args) throws Exception {
        new Main().run();
    }

    @Override
    protected Session open(Plan plan) throws IOException {
        // One factory: a connection is used again for requests with the same one only.
        SSLSocketFactory trust =
                plan.caFile == null ? null : Trust.of(plan.caFile).getSocketFactory();
        return new Session() {
            @Override
            public void send(Request request, Report report) throws IOException {
                Main.send(request, report, trust);
            }

            @Override
            public void close() {
                // There is no client object: the pool of connections belongs to the process.
            }
        };
    }

    @SuppressWarnings("deprecation") // new URL is what all versions have
    private static void send(Request request, Report report, SSLSocketFactory trust) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(request.url).openConnection();
        if (trust != null && connection instanceof HttpsURLConnection) {
            ((HttpsURLConnection) connection).setSSLSocketFactory(trust);
        }
        connection.setRequestMethod(request.method);
        if (request.timer("connect_ms") != null) {
            connection.setConnectTimeout(request.timer("connect_ms"));
        }
        if (request.timer("read_ms") != null) {
            connection.setReadTimeout(request.timer("read_ms"));
        }
        for (String[] field : request.headers) {
            connection.addRequestProperty(field[0], field[1]);
        }
        // Without a streaming mode Expect is not waited for, and a body is buffered as a whole.
        boolean streamed = request.body != null && (request.expectContinue || !request.pauses.isEmpty());
        if (streamed) {
            connection.setFixedLengthStreamingMode(request.body.length);
        }
        if (request.body != null) {
            sendBody(request, connection);
        }
        int status = connection.getResponseCode();
        if (status == -1) {
            throw new IOException("getResponseCode() returned -1: no valid HTTP");
        }
        report.response(status, connection.getResponseMessage(),
                Report.fields(connection.getHeaderFields()));
        report.body(new byte[0], 0);
        InputStream content = status >= 400 ? connection.getErrorStream() : connection.getInputStream();
        if (content == null && streamed && (status == 401 || status == 407)) {
            content = connection.getInputStream(); // throws HttpRetryException, as documented
        }
        if (content != null) {
            readAll(content, report);
        }
    }

    private static void sendBody(Request request, HttpURLConnection connection) throws IOException {
        connection.setDoOutput(true);
        if (request.expectContinue) {
            connection.setRequestProperty("Expect", "100-Continue");
        }
        try (OutputStream out = connection.getOutputStream(); InputStream in = request.bodyStream()) {
            in.transferTo(out);
        }
    }

    @Override
    protected String kindOf(Throwable error) {
        String message = String.valueOf(error.getMessage());
        if (message.startsWith("Invalid Http response") || message.startsWith("getResponseCode()")) {
            return "protocol";
        }
        return message.startsWith("Unexpected end of file") ? "closed" : null;
    }
}
