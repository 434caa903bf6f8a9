"""k-means as a served model, and the fields that other models of points share with it.

Commands and the agent load this file, so it must not import scikit-learn.
"""

from dataclasses import replace
from typing import Any, Final

from clustering import limits, services
from clustering.api import access
from clustering.config.parameters import Parameters
from clustering.history import recording
from nacos_integration import current, is_synced
from serving.contract import Environ, ServedModel

# 400 for what a JSON schema can express, 422 for what it cannot.
PROBLEMS: Final = {
    "invalid-json": 400,
    "invalid-query": 400,
    "invalid-candidates": 400,
    "invalid-points": 400,
    "too-many-points": 400,
    "too-many-dimensions": 400,
    "ragged-points": 422,
    "too-few-points": 422,
    "too-much-work": 422,
    "overflow": 422,
    "method-not-allowed": 405,
    "unsupported-media-type": 415,
    "fit-timeout": 503,
}
# Bytes of a body times clusters. A point has at least four bytes, so there are at most 32 clusters,
# each of which takes scikit-learn about 1.5 ms for any number of points.
_BRIEF_PRODUCT: Final = 4096


def points_model(*, name: str, path: str, view: str, **fields: Any) -> ServedModel:
    """Return a model for a PointsView, with API keys, live config and history.

    `fields` replace the fields of the ServedModel.
    """
    common = ServedModel(
        name=name,
        path=path,
        aliases=(f"{path}/",),
        url_name=name,
        view=view,
        max_body_bytes=limits.MAX_BODY_BYTES,
        check_head=access.check_head,
        admit=access.admit_early,
        is_ready=is_synced,
        record_refused=recording.record,
        problems=PROBLEMS,
    )
    return replace(common, **fields)


def is_brief(environ: Environ, body_bytes: int) -> bool:
    """Return whether a request with this body takes about 1 ms, and 50 ms at most.

    Leaves the config in the environ, so that the request is answered with the same config.
    """
    config: services.Config = current(Parameters)
    environ[services.CONFIG_KEY] = config
    parameters = config.value
    clusters = parameters.clusters
    return parameters == Parameters(clusters) and body_bytes * clusters <= _BRIEF_PRODUCT


KMEANS: Final = points_model(
    name="skl-kmeans",
    path="/api/skl-kmeans",
    view="clustering.api.views.KMeansView",
    is_brief=is_brief,
)
# Ten times the work of a request to KMEANS, so all take the lane for large ones.
ADVICE: Final = points_model(
    name="skl-kmeans-advice",
    path="/api/skl-kmeans/advice",
    view="clustering.api.views.AdviceView",
    large_from_bytes=0,
)
