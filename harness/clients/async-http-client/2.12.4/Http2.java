// SPDX-License-Identifier: MIT
package interimspec;

import java.util.List;
import org.asynchttpclient.DefaultAsyncHttpClientConfig;

/** A version without HTTP/2. */
final class Http2 {
    static final List<String> SPOKEN = List.of("1.1");

    private Http2() {
    }

    static void withPriorKnowledge(DefaultAsyncHttpClientConfig.Builder config) {
        throw new IllegalStateException("a plan of HTTP/2 is refused before");
    }
}
