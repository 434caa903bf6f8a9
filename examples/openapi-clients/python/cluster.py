"""Sends the points of each input line, and prints the answer or the problem as JSON."""

import json
import sys

from kmeans_client import Client
from kmeans_client.api.skl_kmeans import cluster
from kmeans_client.models import KMeansRequest, KMeansResponse, Problem

# Without the proxies of the environment, such as http_proxy.
with Client(base_url=sys.argv[1], httpx_args={"trust_env": False}) as client:
    for line in sys.stdin:
        request = KMeansRequest(points=json.loads(line))
        answer = cluster.sync(client=client, body=request, details=True)
        if isinstance(answer, KMeansResponse):
            shown = {"results": answer.results, "centers": answer.centers, "sizes": answer.sizes}
            print(json.dumps(shown))
        elif isinstance(answer, Problem):
            print(json.dumps(answer.to_dict()))
