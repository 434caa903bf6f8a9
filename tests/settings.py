"""The project's settings, with a state directory of the test run's own and no Nacos."""

import atexit
import os
import shutil
import tempfile

_STRANGE = ("NACOS_", "KMEANS_", "DJANGO_", "API_")
for _name in [name for name in os.environ if name.startswith(_STRANGE)]:
    # The jar is a tool of the tests; the rest would make a test see its developer's settings.
    if _name not in ("NACOS_SERVER_JAR", "DJANGO_SETTINGS_MODULE"):
        del os.environ[_name]
# Not in a range where servers live: nothing of a test may meet a service of the developer's.
os.environ["PORT"] = "19999"
os.environ["STATE_DIR"] = tempfile.mkdtemp(prefix="skl-kmeans-tests-")
atexit.register(shutil.rmtree, os.environ["STATE_DIR"], ignore_errors=True)
os.environ["KMEANS_CONFIG_FILE"] = os.environ["STATE_DIR"] + "/skl-kmeans.yaml"
# Only the one that is made for the tests: DATABASE_URL may name the developer's own.
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")

from kmeans_project.prepare import prepare  # noqa: E402

prepare()

from kmeans_project.settings import *  # noqa: E402, F403
from kmeans_project.settings import ADMIN_ALLOWED_HOSTS, DATABASES, STATE_DIR  # noqa: E402

# The thread that prunes lives on from test to test, and some have rows of days long gone.
HISTORY_MAX_AGE_DAYS = 36_500.0
ADMIN_ALLOWED_HOSTS += ["testserver"]  # the name that Django's test client uses

if not os.environ["DATABASE_URL"]:
    # A file and not memory, so that threads contend for it as they do in the service.
    DATABASES["default"]["TEST"] = {"NAME": STATE_DIR / "test.sqlite3"}

# pytest has hooks of its own for what nothing catches.
LOGGING_CONFIG = "logging.config.dictConfig"
