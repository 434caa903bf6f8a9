"""Sends the points of each input line, and prints the labels or the problem as JSON."""

import json
import sys

from kmeans_client import Client
from kmeans_client.api.skl_kmeans import cluster
from kmeans_client.models import KMeansRequest, KMeansResponse, Problem

# Without the proxies of the environment, such as http_proxy.
with Client(base_url=sys.argv[1], httpx_args={"trust_env": False}) as client:
    for line in sys.stdin:
        answer = cluster.sync(client=client, body=KMeansRequest(points=json.loads(line)))
        if isinstance(answer, KMeansResponse):
            print(json.dumps({"results": answer.results}))
        elif isinstance(answer, Problem):
            print(json.dumps(answer.to_dict()))
