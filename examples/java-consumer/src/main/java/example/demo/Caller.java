package example.demo;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import example.kmeans.FeignKMeansClient;
import example.kmeans.KMeansClient;
import example.kmeans.KMeansClient.Points;
import example.kmeans.KMeansException;
import example.kmeans.RestKMeansClient;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.CommandLineRunner;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.stereotype.Component;

/**
 * Calls at a steady rate, independent of the duration of calls, and prints a line of JSON for each.
 *
 * <p>It ends after a while, or with the application, when the calls in flight are over.
 */
@Component
class Caller implements CommandLineRunner {
    private static final Points POINTS = new Points(List.of(
            List.of(1.0, 2.0), List.of(2.0, 3.0), List.of(3.0, 5.0),
            List.of(4.0, 6.0), List.of(8.0, 8.0), List.of(10.0, 11.0),
            List.of(12.0, 12.0), List.of(12.0, 15.0), List.of(10.0, 12.0)));

    /** One call: labels and status, or status and error, or only an error. */
    record Call(
            Instant time, String client, String instance,
            Integer status, List<Integer> results, String error, long milliseconds) {}

    private final FeignKMeansClient feign;
    private final RestKMeansClient rest;
    private final ChosenInstance chosenInstance;
    private final ObjectMapper json;
    private final int perSecond;
    private final Duration duration;
    private final CountDownLatch stopping = new CountDownLatch(1);
    private final CountDownLatch ended = new CountDownLatch(1);

    Caller(
            FeignKMeansClient feign,
            RestKMeansClient rest,
            ChosenInstance chosenInstance,
            ObjectMapper json,
            @Value("${calls.per-second}") int perSecond,
            @Value("${calls.duration}") Duration duration) {
        this.feign = feign;
        this.rest = rest;
        this.chosenInstance = chosenInstance;
        this.json = json;
        this.perSecond = perSecond;
        this.duration = duration;
    }

    @Override
    public void run(String... args) throws InterruptedException {
        ExecutorService pool = Executors.newCachedThreadPool();
        long period = TimeUnit.SECONDS.toNanos(1) / perSecond;
        long next = System.nanoTime();
        long end = next + duration.toNanos();
        for (long i = 0; next < end; i++) {
            if (stopping.await(next - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                break;
            }
            // After a pause on a busy machine, skip calls instead of catching up at once.
            next = Math.max(next, System.nanoTime() - period) + period;
            // Two calls before switching clients: the load balancer alternates too, so each client
            // would always get the same one of two instances.
            boolean isFeign = i / 2 % 2 == 0;
            pool.execute(() -> call(isFeign ? "feign" : "restclient", isFeign ? feign : rest));
        }
        pool.shutdown();
        pool.awaitTermination(1, TimeUnit.MINUTES);
        ended.countDown();
    }

    /** Returns when no call needs what Spring closes next. */
    @EventListener(ContextClosedEvent.class)
    @Order(Ordered.HIGHEST_PRECEDENCE)
    void stop() throws InterruptedException {
        stopping.countDown();
        ended.await(1, TimeUnit.MINUTES);
    }

    private void call(String name, KMeansClient client) {
        Instant time = Instant.now();
        Integer status = null;
        List<Integer> results = null;
        String error = null;
        try {
            results = client.cluster(POINTS).results();
            status = 200;
        } catch (KMeansException refused) {
            status = refused.problem().getStatus();
            error = refused.getMessage();
        } catch (RuntimeException failed) {
            error = NestedExceptionUtils.getMostSpecificCause(failed).toString();
        }
        long milliseconds = Duration.between(time, Instant.now()).toMillis();
        print(new Call(time, name, chosenInstance.take(), status, results, error, milliseconds));
    }

    private void print(Call call) {
        try {
            System.out.println(json.writeValueAsString(call));
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
