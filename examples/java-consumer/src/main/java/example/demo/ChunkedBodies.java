package example.demo;

import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.web.client.RestClientCustomizer;
import org.springframework.http.HttpHeaders;
import org.springframework.stereotype.Component;
import org.springframework.web.client.RestClient;

/** Removes the Content-Length from RestClient's requests, which the JDK's HttpClient then sends chunked. */
@Component
@ConditionalOnProperty("calls.chunked")
class ChunkedBodies implements RestClientCustomizer {
    @Override
    public void customize(RestClient.Builder builder) {
        builder.requestInterceptor((request, body, execution) -> {
            request.getHeaders().remove(HttpHeaders.CONTENT_LENGTH);
            return execution.execute(request, body);
        });
    }
}
