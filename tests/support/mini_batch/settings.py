from kmeans_project.settings import *  # noqa: F403
from kmeans_project.settings import SERVED_MODELS as PRESENT

SERVED_MODELS = [*PRESENT, "tests.support.mini_batch.endpoint.MINI_BATCH"]
