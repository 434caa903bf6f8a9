package example.kmeans;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.http.HttpStatusCode;
import org.springframework.stereotype.Component;
import org.springframework.web.client.RestClient;

/** The same with Spring's RestClient. */
@Component
public class RestKMeansClient implements KMeansClient {
    private final RestClient restClient;

    RestKMeansClient(
            @LoadBalanced RestClient.Builder builder,
            ObjectMapper json,
            @Value("${kmeans.api-key}") String apiKey) {
        restClient = builder.clone()
                .baseUrl("http://skl-kmeans")
                .requestInitializer(new ApiKeyInterceptor(apiKey))
                .defaultStatusHandler(HttpStatusCode::isError, new ProblemDecoder(json))
                .build();
    }

    @Override
    public Labels cluster(Points points) {
        return restClient.post().uri("/api/skl-kmeans").body(points).retrieve().body(Labels.class);
    }
}
