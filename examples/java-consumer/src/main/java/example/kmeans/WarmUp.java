package example.kmeans;

import java.util.List;
import java.util.stream.IntStream;

import example.kmeans.KMeansClient.Points;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.stereotype.Component;

/**
 * Makes the first call of each client, which takes a second or more: it gets the instances from
 * Nacos and loads classes.
 *
 * <p>That is before the application serves and registers itself. It starts without the service too.
 */
@Component
class WarmUp implements SmartInitializingSingleton {
    private static final Logger LOGGER = LoggerFactory.getLogger(WarmUp.class);
    /** Enough for 100 clusters. */
    private static final Points POINTS = new Points(
            IntStream.range(0, 100).mapToObj(i -> List.of((double) i)).toList());

    private final List<KMeansClient> clients;

    WarmUp(List<KMeansClient> clients) {
        this.clients = clients;
    }

    @Override
    public void afterSingletonsInstantiated() {
        for (KMeansClient client : clients) {
            try {
                client.cluster(POINTS);
            } catch (RuntimeException failed) {
                LOGGER.warn("The first call failed: {}",
                        NestedExceptionUtils.getMostSpecificCause(failed).toString());
            }
        }
    }
}
