package example.kmeans;

import org.springframework.boot.autoconfigure.web.client.RestClientBuilderConfigurer;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.cloud.openfeign.EnableFeignClients;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.client.RestClient;

/** Enables {@link FeignKMeansClient}, and makes the builder of {@link RestKMeansClient}. */
@Configuration
@EnableFeignClients
class KMeansConfiguration {
    /**
     * Treats the host of a URL as the name of a service. The configurer sets the timeouts.
     *
     * <p>It is not the default candidate: only who asks for {@code @LoadBalanced} gets it.
     */
    @Bean(defaultCandidate = false)
    @LoadBalanced
    RestClient.Builder loadBalancedRestClientBuilder(RestClientBuilderConfigurer configurer) {
        return configurer.configure(RestClient.builder());
    }
}
