"""The project's settings, with a state directory of the test run's own and no Nacos."""

import atexit
import os
import shutil
import tempfile

for _name in [name for name in os.environ if name.startswith(("NACOS_", "KMEANS_", "DJANGO_"))]:
    # The jar is a tool of the tests; the rest would make a test see its developer's settings.
    if _name not in ("NACOS_SERVER_JAR", "DJANGO_SETTINGS_MODULE"):
        del os.environ[_name]
# Not in a range where servers live: nothing of a test may meet a service of the developer's.
os.environ["PORT"] = "19999"
os.environ["STATE_DIR"] = tempfile.mkdtemp(prefix="skl-kmeans-tests-")
atexit.register(shutil.rmtree, os.environ["STATE_DIR"], ignore_errors=True)
os.environ["KMEANS_CONFIG_FILE"] = os.environ["STATE_DIR"] + "/skl-kmeans.yaml"

from kmeans_project.settings import *  # noqa: E402, F403
from kmeans_project.settings import DATABASES, STATE_DIR  # noqa: E402

# A file and not memory, so that threads contend for it as they do in the service.
DATABASES["default"]["TEST"] = {"NAME": STATE_DIR / "test.sqlite3"}
