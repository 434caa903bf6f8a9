package example.kmeans;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

import com.fasterxml.jackson.databind.ObjectMapper;
import feign.Response;
import feign.codec.ErrorDecoder;

import org.springframework.http.HttpRequest;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.ProblemDetail;
import org.springframework.http.client.ClientHttpResponse;
import org.springframework.web.client.RestClient;

/** Decodes the body of an error into a {@link KMeansException}, for Feign and for RestClient. */
class ProblemDecoder implements ErrorDecoder, RestClient.ResponseSpec.ErrorHandler {
    private final ObjectMapper json;

    ProblemDecoder(ObjectMapper json) {
        this.json = json;
    }

    @Override
    public Exception decode(String methodKey, Response response) {
        try {
            byte[] body = response.body() == null
                    ? new byte[0] : response.body().asInputStream().readAllBytes();
            return exception(response.status(), body);
        } catch (IOException lostInTheBody) {
            return new UncheckedIOException(lostInTheBody);
        }
    }

    @Override
    public void handle(HttpRequest request, ClientHttpResponse response) throws IOException {
        throw exception(response.getStatusCode().value(), response.getBody().readAllBytes());
    }

    private KMeansException exception(int status, byte[] body) {
        try {
            return new KMeansException(json.readValue(body, ProblemDetail.class));
        } catch (IOException notFromTheService) {
            // A proxy in between may send anything.
            String text = new String(body, StandardCharsets.UTF_8);
            return new KMeansException(
                    ProblemDetail.forStatusAndDetail(HttpStatusCode.valueOf(status), text));
        }
    }
}
