// SPDX-License-Identifier: MIT
package interimspec;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jodd.http.HttpException;
import jodd.http.HttpRequest;
import jodd.http.HttpResponse;

/** Jodd HTTP. */
public final class Main extends Adapter {
    private Main() {
        super("jodd-http", versionOf(HttpRequest.class));
        can("timers", List.of("connect_ms", "read_ms"));
        can("second_request", "new-connection");
    }

    public static void main(String[] args) throws Exception {
        new Main().run();
    }

    @Override
    protected Session open(Plan plan) {
        return new Session() {
            @Override
            public void send(Request request, Report report) {
                Main.send(request, report);
            }

            @Override
            public void close() {
                // There is no client object: each request has a connection of its own.
            }
        };
    }

    private static void send(Request request, Report report) {
        HttpRequest message = new HttpRequest().method(request.method).set(request.url);
        for (String[] field : request.headers) {
            message.header(field[0], field[1]);
        }
        if (request.body != null) {
            message.body(request.body, contentType(request));
        }
        if (request.timer("connect_ms") != null) {
            message.connectionTimeout(request.timer("connect_ms"));
        }
        if (request.timer("read_ms") != null) {
            message.timeout(request.timer("read_ms"));
        }
        HttpResponse response = message.send();
        List<Object> fields = new ArrayList<>();
        for (String name : response.headerNames()) {
            for (String value : response.headers(name)) {
                fields.add(Arrays.asList(name, value));
            }
        }
        report.response(response.statusCode(), response.statusPhrase(), fields);
        byte[] content = response.bodyBytes();
        report.body(content, content.length);
    }

    /** Jodd takes octets with their type alone, and sets the field by it. */
    private static String contentType(Request request) {
        for (String[] field : request.headers) {
            if (field[0].equalsIgnoreCase("Content-Type")) {
                return field[1];
            }
        }
        return "application/octet-stream";
    }

    @Override
    protected boolean tells(RuntimeException error) {
        return error instanceof HttpException;
    }
}
