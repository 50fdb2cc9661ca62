// SPDX-License-Identifier: MIT
package interimspec;

import java.io.BufferedReader;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the adapters for JVM clients share: plans from stdin, events out, and nothing else. No retry,
 * no mapping; of what {@link Session#send} throws only checked exceptions, and the unchecked ones
 * that {@link #tells} knows, end the request as failed. All else ends the process, as it would an
 * ordinary program.
 */
public abstract class Adapter {
    /** One fresh client object. */
    public interface Session {
        /** Returning is told as ok; the report takes what the client hands over. */
        void send(Request request, Report report) throws Exception;

        /** As the client's documentation says. */
        void close() throws Exception;
    }

    static final List<String> METHODS = Arrays.asList(
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND");
    private static final Set<String> PLAN_KEYS = Set.of(
            "v", "plan", "http", "timers", "ca_file", "proxy", "body_limit", "requests");
    private static final Set<String> REQUEST_KEYS = Set.of("name", "method", "url", "headers",
            "body_b64", "body_pause_ms", "expect_continue", "start", "not_before_ms", "timers");

    private static final Pattern JAR_VERSION = Pattern.compile("-(\\d[^/]*)\\.jar$");

    private final String client;
    private final String version;
    private final List<Object> stack = new ArrayList<>();
    private final Map<String, Object> can = new LinkedHashMap<>();
    private OutputStream out;
    private String mark = "";

    protected Adapter(String client, String version) {
        this.client = client;
        this.version = version;
        can.put("http", List.of("1.1"));
        can.put("tls", false);
        can.put("proxy", false);
        can.put("timers", List.of());
        can.put("second_request", "pooled");
        can.put("not_before", true);
        can.put("interim", "none");
        can.put("phases", false);
        can.put("expect_continue", false);
        can.put("body_stream", false);
        can.put("methods", METHODS);
    }

    /** Makes the client object for one plan. */
    protected abstract Session open(Plan plan) throws Exception;

    /** Whether the client documents this unchecked exception as the way to tell a failure. */
    protected boolean tells(RuntimeException error) {
        return false;
    }

    /** What of a plan this client cannot do, beyond what `can` says: its name and value, or null. */
    protected Object[] refuses(Plan plan) {
        return null;
    }

    /** The status of an error of kind `status`. */
    protected Integer statusOf(Throwable error) {
        return null;
    }

    /** The kind of an error, by the client's own types; null leaves it to those of the JDK. */
    protected String kindOf(Throwable error) {
        return null;
    }

    /** Requests of a plan may run beside each other, each in a thread of its own. */
    protected final void canConcurrently() {
        can.put("concurrent", true);
    }

    protected final void can(String key, Object value) {
        if (can.put(key, value) == null) {
            throw new IllegalArgumentException(key);
        }
    }

    protected final void layer(String name, String layerVersion) {
        stack.add(mapOf("name", name, "version", layerVersion));
    }

    /** The version of this JDK, without build and vendor: what `java -version` shows first. */
    public static String jdkVersion() {
        return System.getProperty("java.version");
    }

    /** The version of the library that a class belongs to, by the name of the jar it was loaded from. */
    public static String versionOf(Class<?> one) {
        String jar = one.getProtectionDomain().getCodeSource().getLocation().getPath();
        Matcher found = JAR_VERSION.matcher(jar);
        if (!found.find()) {
            throw new IllegalStateException(one + " comes from " + jar + ", which names no version");
        }
        return found.group(1);
    }

    /** Says hello, then plays the plans of stdin one at a time, until its end. */
    protected final void run() throws Exception {
        layer("jdk", System.getProperty("java.runtime.version"));
        layer("vm", System.getProperty("java.vm.vendor") + " " + System.getProperty("java.vm.version"));
        String path = System.getenv("INTERIMSPEC_OUT");
        out = path == null ? System.out : new FileOutputStream(path);
        mark = path == null ? "@interimspec " : "";
        put(mapOf("event", "hello", "client", client, "version", version, "stack", stack, "can", can));
        BufferedReader in = new BufferedReader(
                new InputStreamReader(System.in, StandardCharsets.UTF_8));
        int status = 1;
        // Threads of the client must not keep the process alive after its input has ended, nor after
        // what this one was ended by: that would look like a client that waits.
        try {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                if (!line.isBlank()) {
                    play(new Plan(cast(Json.read(line))));
                }
            }
            status = 0;
        } catch (Throwable ended) {
            ended.printStackTrace();
        }
        System.exit(status);
    }

    private void play(Plan plan) throws Exception {
        Object[] missing = unsupported(plan);
        if (missing != null) {
            put(mapOf("event", "unsupported", "plan", plan.id, "what", missing[0],
                    "value", missing[1]));
        } else {
            Session session = open(plan);
            sendAll(session, plan);
            session.close();
        }
        put(mapOf("event", "done", "plan", plan.id));
    }

    /** A request that another one is to run beside gets a thread; all others use this one. */
    private void sendAll(Session session, Plan plan) throws Exception {
        double begun = nowMs();
        List<FutureTask<Void>> beside = new ArrayList<>();
        for (int i = 0; i < plan.requests.size(); i++) {
            Request request = plan.requests.get(i);
            if (!request.startsWithPrevious()) {
                await(beside);
            }
            sleep(begun + request.notBeforeMs - nowMs());
            Report report = new Report(this, plan, request, (Boolean) can.get("phases"));
            FutureTask<Void> sending = new FutureTask<>(() -> sendOne(session, request, report), null);
            beside.add(sending);
            if (i + 1 < plan.requests.size() && plan.requests.get(i + 1).startsWithPrevious()) {
                new Thread(sending, request.name).start();
            } else {
                sending.run();
            }
        }
        await(beside);
    }

    /** What a thread could not tell as a failure ends the process here, as it would without threads. */
    private static void await(List<FutureTask<Void>> running) throws Exception {
        for (FutureTask<Void> one : running) {
            try {
                one.get();
            } catch (ExecutionException thrown) {
                if (thrown.getCause() instanceof Error) {
                    throw (Error) thrown.getCause();
                }
                throw (Exception) thrown.getCause();
            }
        }
        running.clear();
    }

    private void sendOne(Session session, Request request, Report report) {
        try {
            session.send(request, report);
            report.end(null);
        } catch (RuntimeException error) {
            if (!tells(error)) {
                throw error;
            }
            report.end(error);
        } catch (Exception checked) {
            report.end(checked);
        }
    }

    static void sleep(double ms) {
        if (ms > 0) {
            try {
                Thread.sleep((long) ms, (int) ((ms - (long) ms) * 1e6));
            } catch (InterruptedException nobodyInterrupts) {
                throw new IllegalStateException(nobodyInterrupts);
            }
        }
    }

    /** Unix time in ms, with a fraction. */
    static double nowMs() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1000.0 + now.getNano() / 1000 / 1000.0;
    }

    // ------------------------------------------------------------ what a client cannot do

    private Object[] unsupported(Plan plan) {
        for (String key : plan.values.keySet()) {
            if (!PLAN_KEYS.contains(key)) {
                return new Object[] {key, plan.values.get(key)};
            }
        }
        if (!Long.valueOf(1).equals(plan.values.get("v"))) {
            return new Object[] {"v", plan.values.get("v")};
        }
        if (!((List<?>) can.get("http")).contains(plan.http)) {
            return new Object[] {"http", plan.http};
        }
        if (plan.proxy != null && !(Boolean) can.get("proxy")) {
            return new Object[] {"proxy", plan.proxy};
        }
        for (Request request : plan.requests) {
            Object[] missing = unsupportedRequest(request);
            if (missing != null) {
                return missing;
            }
        }
        return refuses(plan);
    }

    private Object[] unsupportedRequest(Request request) {
        for (String key : request.values.keySet()) {
            if (!REQUEST_KEYS.contains(key)) {
                return new Object[] {key, request.values.get(key)};
            }
        }
        for (Map.Entry<String, Integer> timer : request.timers.entrySet()) {
            if (!((List<?>) can.get("timers")).contains(timer.getKey())) {
                return new Object[] {timer.getKey(), timer.getValue()};
            }
        }
        if (!((List<?>) can.get("methods")).contains(request.method)) {
            return new Object[] {"method", request.method};
        }
        if (request.url.startsWith("https:") && !(Boolean) can.get("tls")) {
            return new Object[] {"tls", true};
        }
        if (request.expectContinue && !(Boolean) can.get("expect_continue")) {
            return new Object[] {"expect_continue", true};
        }
        boolean streams = (Boolean) can.get("body_stream") && request.body != null;
        if (!request.pauses.isEmpty() && !streams) {
            return new Object[] {"body_pause_ms", request.values.get("body_pause_ms")};
        }
        boolean known = "after-previous".equals(request.start)
                || (request.startsWithPrevious() && can.containsKey("concurrent"));
        if (!known) {
            return new Object[] {"start", request.start};
        }
        return null;
    }

    // ------------------------------------------------------------ events

    synchronized void put(Map<String, Object> event) {
        StringBuilder text = new StringBuilder(mark);
        event.put("v", 1);
        Json.write(event, text);
        try {
            out.write(text.append('\n').toString().getBytes(StandardCharsets.US_ASCII));
            out.flush();
        } catch (IOException error) {
            throw new java.io.UncheckedIOException("the events' pipe", error);
        }
    }

    static Map<String, Object> mapOf(Object... pairs) {
        Map<String, Object> found = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            found.put((String) pairs[i], pairs[i + 1]);
        }
        return found;
    }

    @SuppressWarnings("unchecked")
    static <T> T cast(Object value) {
        return (T) value;
    }

    /** Everything of a stream, into the report; the stream is closed. */
    public static void readAll(InputStream in, Report report) throws IOException {
        try (in) {
            byte[] buffer = new byte[16384];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                report.body(buffer, n);
            }
        }
    }
}
