"""k-means the short way in FastAPI, for `make bench` to compare with.

It takes any list for points, and its handler holds up the event loop while it fits.
"""

from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.cluster import KMeans

app = FastAPI()


class Body(BaseModel):
    points: list  # type: ignore[type-arg]  # of anything: checking the items costs time


def labels_of(body: Body) -> dict[str, list[int]]:
    labels = KMeans(n_clusters=3, random_state=9, n_init=10).fit_predict(body.points)
    return {"results": labels.tolist()}


# As without a type for what it returns, which most handlers have not.
@app.post("/api/skl-kmeans", response_model=None)
async def cluster(body: Body) -> dict[str, list[int]]:
    return labels_of(body)


# With the type, pydantic writes the answer.
@app.post("/typed")
async def cluster_typed(body: Body) -> dict[str, list[int]]:
    return labels_of(body)
