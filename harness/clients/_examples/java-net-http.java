// SPDX-License-Identifier: MIT
// Run: javac Client.java && java Client
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

public final class Client {
    public static void main(String[] args) throws InterruptedException {
        HttpClient client = HttpClient.newHttpClient();
        for (String url : args) {
            HttpRequest request =
                    HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(5)).build();
            try {
                HttpResponse<String> response =
                        client.send(request, HttpResponse.BodyHandlers.ofString());
                System.out.println(url + " " + response.statusCode() + " " + response.body());
            } catch (java.io.IOException error) {
                System.out.println(url + " " + error);
            }
        }
    }
}
