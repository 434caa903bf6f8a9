package example.kmeans;

import org.springframework.cloud.openfeign.FeignClient;

/** The client that OpenFeign generates from the annotations of {@link KMeansClient}. */
@FeignClient(name = "${kmeans.service-name}", configuration = ProblemDecoder.class)
interface FeignKMeansClient extends KMeansClient {}
