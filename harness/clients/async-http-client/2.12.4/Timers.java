// SPDX-License-Identifier: MIT
package interimspec;

import org.asynchttpclient.DefaultAsyncHttpClientConfig;
import org.asynchttpclient.RequestBuilder;

/** How version 2 takes times. */
final class Timers {
    private Timers() {
    }

    static void connect(DefaultAsyncHttpClientConfig.Builder config, int ms) {
        config.setConnectTimeout(ms);
    }

    static void read(RequestBuilder builder, int ms) {
        builder.setReadTimeout(ms);
    }

    static void total(RequestBuilder builder, int ms) {
        builder.setRequestTimeout(ms);
    }
}
