// SPDX-License-Identifier: MIT
package interimspec;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** A TLS context, or trust managers, that trust the certificates of one PEM file. */
public final class Trust {
    private Trust() {
    }

    public static SSLContext of(String caFile) throws IOException {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, managers(caFile).getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException error) {
            throw new IOException("the TLS context cannot be made", error);
        }
    }

    /** For clients that ask for the trust managers themselves. */
    public static TrustManagerFactory managers(String caFile) throws IOException {
        try (InputStream in = new FileInputStream(caFile)) {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            int number = 0;
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                store.setCertificateEntry("ca" + number++, one);
            }
            TrustManagerFactory factory =
                    TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init(store);
            return factory;
        } catch (GeneralSecurityException error) {
            throw new IOException("the trust store cannot be made", error);
        }
    }
}
