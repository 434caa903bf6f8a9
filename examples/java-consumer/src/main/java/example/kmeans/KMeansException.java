package example.kmeans;

import org.springframework.http.ProblemDetail;

/** The service responded with a problem document (RFC 9457) instead of labels. */
public class KMeansException extends RuntimeException {
    private final transient ProblemDetail problem;

    KMeansException(ProblemDetail problem) {
        super(problem.getStatus() + " " + problem.getType() + ": " + problem.getDetail());
        this.problem = problem;
    }

    /** Check its type, which is stable. Its properties have pointer and request_id. */
    public ProblemDetail problem() {
        return problem;
    }
}
