import os
from pathlib import Path

from nacos_integration.launch import environment

BASE_DIR = Path(__file__).parent
STATE_DIR = Path(os.environ.get("STATE_DIR", BASE_DIR / "var"))
STATE_DIR.mkdir(parents=True, exist_ok=True)
SERVER_ADDR = os.environ.get("NACOS_SERVER_ADDR", "")

NACOS = {
    "server_addr": SERVER_ADDR.split(",") if SERVER_ADDR else [],
    "username": os.environ.get("NACOS_USERNAME", ""),
    "password": os.environ.get("NACOS_PASSWORD", ""),
    "service_name": "greeter",
    "config_file": os.environ.get("GREETER_CONFIG_FILE", BASE_DIR / "greeting.txt"),
    "config_handler": "greeting.Greeting",
    "bind_port": int(os.environ.get("PORT", "8000")),
    "state_dir": STATE_DIR,
    "drain_seconds": float(os.environ.get("SERVE_DRAIN_SECONDS", "40")),
    **environment(os.environ),
}

INSTALLED_APPS = ["nacos_integration"]
ROOT_URLCONF = "urls"
WSGI_APPLICATION = "wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": STATE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "only for this example"
