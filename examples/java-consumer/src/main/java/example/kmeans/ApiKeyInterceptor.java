package example.kmeans;

import feign.RequestInterceptor;
import feign.RequestTemplate;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.http.HttpHeaders;
import org.springframework.http.client.ClientHttpRequest;
import org.springframework.http.client.ClientHttpRequestInitializer;

/**
 * Sends the API key, if {@code kmeans.api-key} has one, with Feign and with RestClient.
 *
 * <p>It is not a bean of the application, where Feign would send the key to every service.
 */
class ApiKeyInterceptor implements RequestInterceptor, ClientHttpRequestInitializer {
    private final String key;

    ApiKeyInterceptor(@Value("${kmeans.api-key}") String key) {
        this.key = key;
    }

    @Override
    public void apply(RequestTemplate request) {
        if (!key.isEmpty()) {
            request.header(HttpHeaders.AUTHORIZATION, "Api-Key " + key);
        }
    }

    @Override
    public void initialize(ClientHttpRequest request) {
        if (!key.isEmpty()) {
            request.getHeaders().set(HttpHeaders.AUTHORIZATION, "Api-Key " + key);
        }
    }
}
