// SPDX-License-Identifier: MIT
package interimspec;

import java.io.InputStream;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One request of a plan. */
public final class Request {
    public final String name;
    public final String method;
    public final String url;
    public final List<String[]> headers = new ArrayList<>();
    public final byte[] body; // or null
    public final List<int[]> pauses = new ArrayList<>();
    public final boolean expectContinue;
    public final long notBeforeMs;
    final String start;
    final Map<String, Integer> timers = new LinkedHashMap<>(); // only those that are to be set
    final Map<String, Object> values;

    Request(Plan plan, Map<String, Object> values) {
        this.values = values;
        name = (String) values.get("name");
        method = (String) values.get("method");
        url = (String) values.get("url");
        start = (String) values.getOrDefault("start", "after-previous");
        expectContinue = Boolean.TRUE.equals(values.get("expect_continue"));
        notBeforeMs = (Long) values.getOrDefault("not_before_ms", 0L);
        String encoded = (String) values.get("body_b64");
        body = encoded == null ? null : Base64.getDecoder().decode(encoded);
        for (Object pair : list(values.get("headers"))) {
            headers.add(((List<?>) pair).toArray(new String[0]));
        }
        for (Object pair : list(values.get("body_pause_ms"))) {
            List<Long> numbers = Adapter.cast(pair);
            pauses.add(new int[] {numbers.get(0).intValue(), numbers.get(1).intValue()});
        }
        setTimers(plan.values.get("timers"));
        setTimers(values.get("timers"));
    }

    boolean startsWithPrevious() {
        return "with-previous".equals(start);
    }

    private static List<?> list(Object value) {
        return value == null ? List.of() : (List<?>) value;
    }

    private void setTimers(Object given) {
        if (given != null) {
            for (Map.Entry<?, ?> timer : ((Map<?, ?>) given).entrySet()) {
                if (timer.getValue() == null) {
                    timers.remove(timer.getKey());
                } else {
                    timers.put((String) timer.getKey(), ((Long) timer.getValue()).intValue());
                }
            }
        }
    }

    /** The timer in ms, or null where it is not to be set. */
    public Integer timer(String timerName) {
        return timers.get(timerName);
    }

    /** The body as a stream that waits where the plan says that it is still under way. */
    public InputStream bodyStream() {
        return new PausingStream();
    }

    private final class PausingStream extends InputStream {
        private int at;
        private int nextPause;

        @Override
        public int read() {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) {
            while (nextPause < pauses.size() && at >= pauses.get(nextPause)[0]) {
                Adapter.sleep(pauses.get(nextPause++)[1]);
            }
            if (at >= body.length) {
                return -1;
            }
            int end = nextPause < pauses.size()
                    ? Math.min(pauses.get(nextPause)[0], body.length) : body.length;
            int n = Math.min(length, end - at);
            System.arraycopy(body, at, into, offset, n);
            at += n;
            return n;
        }
    }
}
