/**
 * The request as code that runs unchanged.
 *
 * `body` is JSON of numbers, arrays and objects, or null if the code reads points.json. `member` is
 * what of the answer to print, where that takes no library. The API key comes from the environment,
 * so that copied code does not contain it.
 */
export const SNIPPETS = {
  curl: ({ url, body, withKey }) => `\
curl -sS --noproxy '*' '${url}' \\
  -H 'Content-Type: application/json' \\
${withKey ? `  -H "Authorization: Api-Key $API_KEY" \\\n` : ""}\
  ${body ? `-d '${body}'` : "--data-binary @points.json"}
`,

  python: ({ url, body, member, withKey }) => `\
import json
${withKey ? "import os\n" : ""}\
import urllib.error
import urllib.request
${body ? "" : "from pathlib import Path\n"}
request = urllib.request.Request(
    "${url}",
    ${body ? `json.dumps(${body}).encode()` : 'Path("points.json").read_bytes()'},
    {
        "Content-Type": "application/json",
${withKey ? `        "Authorization": f"Api-Key {os.environ['API_KEY']}",\n` : ""}\
    },
)
# Without the proxies of the environment, such as http_proxy.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(request, timeout=30) as answer:
        print(json.load(answer)["${member}"])
except urllib.error.HTTPError as error:
    raise SystemExit(error.read().decode())
`,

  java: ({ url, body, withKey }) => `\
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
${body ? "" : "import java.nio.file.Path;\n"}\
import java.time.Duration;

/** Java 17 or newer: java Cluster.java */
public class Cluster {
    public static void main(String[] args) throws Exception {
        var request = HttpRequest.newBuilder(URI.create("${url}"))
            .timeout(Duration.ofSeconds(30))
            .header("Content-Type", "application/json")
${withKey ? `            .header("Authorization", "Api-Key " + System.getenv("API_KEY"))\n` : ""}\
            .POST(HttpRequest.BodyPublishers.${
              body
                ? `ofString("""
                ${body}"""`
                : 'ofFile(Path.of("points.json")'
            }))
            .build();
        var answer = HttpClient.newHttpClient()
            .send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(answer.body());
    }
}
`,
};
