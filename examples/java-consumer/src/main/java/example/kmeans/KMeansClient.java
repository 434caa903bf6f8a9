package example.kmeans;

import java.util.List;

import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;

/** The service's API, implemented by {@link FeignKMeansClient} and {@link RestKMeansClient}. */
public interface KMeansClient {
    /** n points of d coordinates each. */
    record Points(List<List<Double>> points) {}

    /** The cluster of each point, from 0, in the order of the points. */
    record Labels(List<Integer> results) {}

    /**
     * Assigns each point to a cluster; the service's config sets their number.
     *
     * @throws KMeansException if the service rejects the points, for instance of different lengths
     */
    @PostMapping("/api/skl-kmeans")
    Labels cluster(@RequestBody Points points);
}
