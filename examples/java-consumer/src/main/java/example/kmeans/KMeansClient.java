package example.kmeans;

import java.util.List;

import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;

/** What the service offers; {@link FeignKMeansClient} and {@link RestKMeansClient} both do it. */
public interface KMeansClient {
    /** n points of d coordinates each. */
    record Points(List<List<Double>> points) {}

    /** The cluster of each point, from 0, in the order of the points. */
    record Labels(List<Integer> results) {}

    /**
     * Assigns each point to a cluster; the service's configuration says how many there are.
     *
     * @throws KMeansException if the service refuses, for instance points of different length
     */
    @PostMapping("/api/skl-kmeans")
    Labels cluster(@RequestBody Points points);
}
