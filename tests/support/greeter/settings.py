import os
import uuid
from pathlib import Path

BASE_DIR = Path(__file__).parent
STATE_DIR = Path(os.environ.get("STATE_DIR", BASE_DIR / "var"))
STATE_DIR.mkdir(parents=True, exist_ok=True)
PORT = int(os.environ.get("PORT", "8000"))
SERVER_ADDR = os.environ.get("NACOS_SERVER_ADDR", "")

# A pipe, from `manage.py serve` to the gunicorn that it starts.
LIFELINE = os.environ.get("SERVE_LIFELINE_FD")
SERVE_LIFELINE_FD = int(LIFELINE) if LIFELINE else None
SERVE_DRAIN_SECONDS = float(os.environ.get("SERVE_DRAIN_SECONDS", "40"))
SERVE_STOP_TIMEOUT_SECONDS = 30.0

NACOS = {
    "server_addr": SERVER_ADDR.split(",") if SERVER_ADDR else [],
    "username": os.environ.get("NACOS_USERNAME", ""),
    "password": os.environ.get("NACOS_PASSWORD", ""),
    "service_name": "greeter",
    "config_file": os.environ.get("GREETER_CONFIG_FILE", BASE_DIR / "greeting.txt"),
    "config_handler": "greeting.Greeting",
    "bind_port": PORT,
    "state_dir": STATE_DIR,
    # One for all processes of a launch: they inherit it.
    "launch_id": os.environ.setdefault("SERVE_LAUNCH_ID", uuid.uuid4().hex),
}
NACOS_LAUNCH = {
    "agent_in_parent": SERVE_LIFELINE_FD is not None,
    "reloader_child": os.environ.get("RUN_MAIN") == "true",
}

INSTALLED_APPS = ["nacos_integration"]
ROOT_URLCONF = "urls"
WSGI_APPLICATION = "wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": STATE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "only for this example"
