// SPDX-License-Identifier: MIT
// Run: javac Client.java && java Client
// Methods: POST PUT DELETE
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;

public final class Client {
    public static void main(String[] args) {
        boolean named = !args[0].contains(":");
        for (int i = named ? 1 : 0; i < args.length; i++) {
            try {
                ask(named && i == 1 ? args[0] : "GET", args[i]);
            } catch (java.io.IOException error) {
                System.out.println(args[i] + " " + error);
            }
        }
    }

    private static void ask(String method, String url) throws java.io.IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setReadTimeout(5000);
        connection.setRequestMethod(method);
        if (method.startsWith("P")) {
            connection.setDoOutput(true);
            connection.getOutputStream().write("0123456789".getBytes());
        }
        int status = connection.getResponseCode();
        InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream();
        String content = in == null ? "" : new String(in.readAllBytes());
        System.out.println(url + " " + status + " " + content);
    }
}
