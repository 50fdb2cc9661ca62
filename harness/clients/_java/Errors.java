// SPDX-License-Identifier: MIT
package interimspec;

import java.io.EOFException;
import java.net.ConnectException;
import java.net.ProtocolException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.util.Map;
import javax.net.ssl.SSLException;

/** Kinds of errors: by the client's own types, then by those of the JDK that are below. */
final class Errors {
    private Errors() {
    }

    static Map<String, Object> describe(Adapter adapter, Throwable error, String phase) {
        StringBuilder words = new StringBuilder(String.valueOf(error.getMessage()));
        for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
            String said = String.valueOf(cause.getMessage());
            if (words.indexOf(said) < 0) {
                words.append(" <- ").append(cause.getClass().getSimpleName()).append(": ").append(said);
            }
        }
        Map<String, Object> told = Adapter.mapOf("kind", kindOf(adapter, error), "phase", phase,
                "type", error.getClass().getName(),
                "message", words.substring(0, Math.min(2000, words.length())));
        if ("status".equals(told.get("kind"))) {
            told.put("status", adapter.statusOf(error));
        }
        return told;
    }

    private static String kindOf(Adapter adapter, Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            String own = adapter.kindOf(cause);
            if (own != null) {
                return own;
            }
        }
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            String kind = standardKind(cause);
            if (kind != null) {
                return kind;
            }
        }
        return "other";
    }

    private static String standardKind(Throwable error) {
        String message = String.valueOf(error.getMessage());
        if (error instanceof SocketTimeoutException) {
            return "timeout";
        }
        if (error instanceof ConnectException) {
            return "refused";
        }
        if (error instanceof SSLException) {
            return "tls";
        }
        if (error instanceof ProtocolException) {
            return "protocol";
        }
        if (error instanceof SocketException || error instanceof EOFException) {
            return "closed";
        }
        if (message.startsWith("Premature EOF") || message.contains("Connection reset")
                || message.contains("Broken pipe") || message.contains("end of file")) {
            return "closed";
        }
        return null;
    }
}
