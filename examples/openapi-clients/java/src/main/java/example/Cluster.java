package example;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.List;
import java.util.Map;
import kmeans.client.ApiClient;
import kmeans.client.ApiException;
import kmeans.client.KMeansRequest;
import kmeans.client.KMeansResponse;
import kmeans.client.Problem;
import kmeans.client.SklKmeansApi;

/** Sends the points of each input line, and prints the answer or the problem as a line of JSON. */
public final class Cluster {
    public static void main(String[] arguments) throws ApiException, IOException {
        ApiClient client = new ApiClient();
        client.updateBaseUri(arguments[0]);
        SklKmeansApi api = new SklKmeansApi(client);
        ObjectMapper json = client.getObjectMapper();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            List<List<Double>> points = json.readValue(line, new TypeReference<>() {});
            Object answer;
            try {
                KMeansResponse response = api.cluster(new KMeansRequest().points(points), null, true);
                answer =
                        Map.of(
                                "results", response.getResults(),
                                "centers", response.getCenters(),
                                "sizes", response.getSizes());
            } catch (ApiException error) {
                if (error.getResponseBody() == null) {
                    throw error; // there was no response
                }
                answer = json.readValue(error.getResponseBody(), Problem.class);
            }
            System.out.println(json.writeValueAsString(answer));
        }
    }
}
