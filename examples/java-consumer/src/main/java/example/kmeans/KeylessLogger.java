package example.kmeans;

import feign.slf4j.Slf4jLogger;

import org.springframework.http.HttpHeaders;

/** Logs Feign's requests without the API key, where a {@code logger-level} turns that on. */
class KeylessLogger extends Slf4jLogger {
    KeylessLogger() {
        super(FeignKMeansClient.class);
    }

    @Override
    protected boolean shouldLogRequestHeader(String header) {
        return !HttpHeaders.AUTHORIZATION.equalsIgnoreCase(header);
    }
}
