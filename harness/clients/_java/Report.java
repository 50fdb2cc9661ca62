// SPDX-License-Identifier: MIT
package interimspec;

import java.io.ByteArrayOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** What the client's user is told about one request, written as it happens. */
public final class Report {
    private final Adapter adapter;
    private final Plan plan;
    private final Request request;
    private final double started = Adapter.nowMs();
    private final ByteArrayOutputStream kept = new ByteArrayOutputStream();
    private final MessageDigest hash;
    private String phase;
    private boolean hasBody;
    private long length;
    private boolean ended;

    Report(Adapter adapter, Plan plan, Request request, boolean phases) {
        this.adapter = adapter;
        this.plan = plan;
        this.request = request;
        phase = phases ? "head" : null;
        try {
            hash = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Fields as pairs from a map of lists; an entry without a name is the status line. */
    public static List<Object> fields(Map<String, List<String>> map) {
        List<Object> pairs = new ArrayList<>();
        map.forEach((name, values) -> {
            if (name != null) {
                values.forEach(value -> pairs.add(Arrays.asList(name, value)));
            }
        });
        return pairs;
    }

    public void interim(int status, List<Object> fields) {
        put("interim", Adapter.mapOf("status", status, "fields", fields));
    }

    /** The client handed over a head as the response; reason is null where it shows none. */
    public void response(int status, String reason, List<Object> fields) {
        put("response", Adapter.mapOf("status", status, "reason", reason, "fields", fields));
        if (phase != null) {
            phase = "body";
        }
    }

    /** Content that the client handed over; may be called many times. */
    public void body(byte[] octets, int count) {
        hasBody = true;
        length += count;
        hash.update(octets, 0, count);
        kept.write(octets, 0, Math.max(0, Math.min(count, plan.bodyLimit - kept.size())));
    }

    void end(Throwable error) {
        Map<String, Object> event = Adapter.mapOf("started", started,
                "told", error == null ? "ok" : "failed",
                "body_b64", null, "body_len", null, "body_sha256", null, "error", null);
        if (hasBody) {
            event.put("body_b64", Base64.getEncoder().encodeToString(kept.toByteArray()));
            event.put("body_len", length);
            event.put("body_sha256", hex(hash.digest()));
        }
        if (error != null) {
            event.put("error", Errors.describe(adapter, error, phase));
        }
        put("end", event);
    }

    private static String hex(byte[] octets) {
        StringBuilder found = new StringBuilder();
        for (byte octet : octets) {
            found.append(String.format("%02x", octet));
        }
        return found.toString();
    }

    /** Notes when, and writes. Listeners run on threads of the client: what they tell after the end
     *  is told of a request that is over. */
    private synchronized void put(String event, Map<String, Object> values) {
        if (ended) {
            return;
        }
        ended = event.equals("end");
        Map<String, Object> all = Adapter.mapOf("event", event, "plan", plan.id,
                "request", request.name, "at", Adapter.nowMs());
        all.putAll(values);
        adapter.put(all);
    }
}
