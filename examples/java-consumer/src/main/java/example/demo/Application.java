package example.kmeans;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.autoconfigure.web.client.RestClientBuilderConfigurer;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.cloud.openfeign.EnableFeignClients;
import org.springframework.context.annotation.Bean;
import org.springframework.http.HttpHeaders;
import org.springframework.web.client.RestClient;

@SpringBootApplication
@EnableFeignClients
public class Application {
    public static void main(String[] args) {
        SpringApplication.run(Application.class, args);
    }

    /** Treats the host of a URL as the name of a service. The configurer sets the timeouts. */
    @Bean
    @LoadBalanced
    RestClient.Builder loadBalancedRestClientBuilder(
            RestClientBuilderConfigurer configurer, @Value("${kmeans.chunked}") boolean chunked) {
        RestClient.Builder builder = configurer.configure(RestClient.builder());
        if (chunked) {
            builder.requestInterceptor((request, body, execution) -> {
                request.getHeaders().remove(HttpHeaders.CONTENT_LENGTH);
                return execution.execute(request, body);
            });
        }
        return builder;
    }
}
