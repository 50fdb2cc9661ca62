// SPDX-License-Identifier: MIT
package interimspec;

import java.time.Duration;
import org.asynchttpclient.DefaultAsyncHttpClientConfig;
import org.asynchttpclient.RequestBuilder;

/** How version 3 takes times. */
final class Timers {
    private Timers() {
    }

    static void connect(DefaultAsyncHttpClientConfig.Builder config, int ms) {
        config.setConnectTimeout(Duration.ofMillis(ms));
    }

    static void read(RequestBuilder builder, int ms) {
        builder.setReadTimeout(Duration.ofMillis(ms));
    }

    static void total(RequestBuilder builder, int ms) {
        builder.setRequestTimeout(Duration.ofMillis(ms));
    }
}
