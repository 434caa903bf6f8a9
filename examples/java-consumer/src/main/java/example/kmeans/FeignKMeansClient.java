package example.kmeans;

import org.springframework.cloud.openfeign.FeignClient;

/** The client that OpenFeign generates from the annotations of {@link KMeansClient}. */
@FeignClient(
        name = "skl-kmeans",
        configuration = {ProblemDecoder.class, ApiKeyInterceptor.class, KeylessLogger.class})
public interface FeignKMeansClient extends KMeansClient {}
