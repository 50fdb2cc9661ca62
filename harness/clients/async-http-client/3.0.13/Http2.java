// SPDX-License-Identifier: MIT
package interimspec;

import java.util.List;
import org.asynchttpclient.DefaultAsyncHttpClientConfig;

/** A version that offers HTTP/2 by ALPN by default, and has it over http:// where that is asked for. */
final class Http2 {
    static final List<String> SPOKEN = List.of("1.1", "2");

    private Http2() {
    }

    static void withPriorKnowledge(DefaultAsyncHttpClientConfig.Builder config) {
        config.setHttp2CleartextEnabled(true);
    }
}
