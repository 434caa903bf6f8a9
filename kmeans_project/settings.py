"""Django's settings, read from environment variables and the secret key file.

Importing this module changes nothing: `kmeans_project.prepare` makes files and sets variables.
docs/operating.md has a table of all variables.
"""

import ipaddress
import os
import secrets
import zoneinfo
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from kmeans_project import __version__, environment, logs

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

BASE_DIR = Path(__file__).resolve().parent.parent

env = environment.Environment()

LOGGING = logs.from_environment(env)
LOGGING_CONFIG = "kmeans_project.logs.configure"
OTEL_ENABLED = env.bool("OTEL_ENABLED", False)


def _usable_cores() -> int:
    # Under taskset or a container's cpuset, the machine has more.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _networks(texts: list[str]) -> list[IPNetwork]:
    try:
        return [ipaddress.ip_network(text) for text in texts]
    except ValueError as error:
        raise ImproperlyConfigured(f"TRUSTED_PROXIES: {error}") from error


def _time_zone(name: str) -> str:
    try:
        return zoneinfo.ZoneInfo(name).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ImproperlyConfigured(
            f"TIME_ZONE: {name!r} is not known here: use a name such as Asia/Shanghai"
        ) from None


# Where and how to serve
HOST = environment.bind_host(env)
PORT = env.within(1, 65535, "PORT", env.int("PORT", 9999))
WORKERS = env.not_below(1, "WORKERS", env.int("WORKERS", _usable_cores()))
# In each worker, for pages. Requests to the API and probes have threads of their own.
THREADS = env.int("THREADS", 16)
# For the head of a connection's first request, and for each body.
HTTP_READ_TIMEOUT_SECONDS = env.float("HTTP_READ_TIMEOUT_SECONDS", 30.0)
# For a client that reads nothing of its response.
HTTP_WRITE_TIMEOUT_SECONDS = env.float("HTTP_WRITE_TIMEOUT_SECONDS", 30.0)
# Addresses and networks whose X-Forwarded-… and Forwarded fields are trusted.
TRUSTED_PROXIES = _networks(env.list("TRUSTED_PROXIES", default=[]))
STATE_DIR = environment.state_dir(env)
STATE_DIR_IS_TEMPORARY = env.bool("STATE_DIR_IS_TEMPORARY", False)
# After the deregistration, clients still call the cached address. Spring Cloud caches for 35 s.
SERVE_DRAIN_SECONDS = env.not_below(
    0, "SERVE_DRAIN_SECONDS", env.float("SERVE_DRAIN_SECONDS", 40.0)
)
# A pipe that `manage.py serve` passes to gunicorn; it closes when `serve` ends.
SERVE_LIFELINE_FD = env.int("SERVE_LIFELINE_FD", None)
SERVE_STOP_TIMEOUT_SECONDS = env.not_below(
    0, "SERVE_STOP_TIMEOUT_SECONDS", env.float("SERVE_STOP_TIMEOUT_SECONDS", 30.0)
)

# The folder in which gunicorn's workers count together; empty if there is only one process.
METRICS_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", "")

# What the endpoint accepts and keeps
KMEANS_CONFIG_FILE = env.str("KMEANS_CONFIG_FILE", str(BASE_DIR / "config" / "skl-kmeans.yaml"))
KMEANS_MAX_CLUSTERS = env.int("KMEANS_MAX_CLUSTERS", 1000)
KMEANS_MAX_POINTS = env.int("KMEANS_MAX_POINTS", 1_000_000)
KMEANS_MAX_DIMENSIONS = env.int("KMEANS_MAX_DIMENSIONS", 1000)
# Cluster few points without scikit-learn if the labels are certainly the same.
KMEANS_FAST_PATH = env.bool("KMEANS_FAST_PATH", True)
# points * (dimensions + 32) * clusters * 10 starts; mostly about ten seconds on one core.
KMEANS_MAX_WORK = env.int("KMEANS_MAX_WORK", 5_000_000_000)
# A longer fit ends before its next restart.
KMEANS_FIT_TIMEOUT_SECONDS = env.float("KMEANS_FIT_TIMEOUT_SECONDS", 30.0)
# A million points of eight dimensions, with all digits, are 202 MB.
KMEANS_MAX_BODY_BYTES = env.int("KMEANS_MAX_BODY_BYTES", 256 * 1024 * 1024)
KMEANS_BODIES_MAX_BYTES = env.int(
    "KMEANS_BODIES_MAX_BYTES", KMEANS_MAX_BODY_BYTES + 64 * 1024 * 1024
)
# Dotted paths of the ServedModels.
SERVED_MODELS = ["clustering.endpoint.KMEANS", "clustering.endpoint.ADVICE"]
KMEANS_QUEUE_SIZE = env.int("KMEANS_QUEUE_SIZE", 64)
KMEANS_QUEUE_TIMEOUT_SECONDS = env.float("KMEANS_QUEUE_TIMEOUT_SECONDS", 5.0)
HISTORY_ENABLED = env.bool("HISTORY_ENABLED", True)
HISTORY_MAX_AGE_DAYS = env.float("HISTORY_MAX_AGE_DAYS", 30.0)
HISTORY_MAX_ROWS = env.int("HISTORY_MAX_ROWS", 1_000_000)
HISTORY_PAYLOAD_MAX_NUMBERS = env.int("HISTORY_PAYLOAD_MAX_NUMBERS", 2000)
HISTORY_QUEUE_SIZE = env.int("HISTORY_QUEUE_SIZE", 10_000)
API_KEYS_REQUIRED = env.bool("API_KEYS_REQUIRED", False)

# Whose pages may call the API in a browser. No cookies: the API uses none.
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = (
    "accept", "accept-language", "authorization", "content-encoding", "content-type",
    "traceparent", "x-request-id",
)  # fmt: skip
CORS_EXPOSE_HEADERS = (
    "Retry-After", "X-Config-Version", "X-KMeans-Clusters", "X-KMeans-Warning", "X-Request-ID",
)  # fmt: skip
CORS_MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware"] if CORS_ALLOWED_ORIGINS else []

PROBES = ["livez", "readyz", "startupz", "statusz", "health", "actuator/health", "metrics"]
SERVING = {
    # The name of the setting with each limit, so that messages can name the variable to change.
    "limits": {
        "threads": "THREADS",
        "queue_size": "KMEANS_QUEUE_SIZE",
        "queue_timeout_seconds": "KMEANS_QUEUE_TIMEOUT_SECONDS",
        "bodies_max_bytes": "KMEANS_BODIES_MAX_BYTES",
        "read_timeout_seconds": "HTTP_READ_TIMEOUT_SECONDS",
        "write_timeout_seconds": "HTTP_WRITE_TIMEOUT_SECONDS",
        "trusted_proxies": "TRUSTED_PROXIES",
    },
    "probe_paths": [f"/{path}" for path in PROBES],
    "brief_paths": ["/livez"],
    "refusal_middleware": CORS_MIDDLEWARE,
    "metrics_prefix": "skl_kmeans_",
    "problem_prefix": "urn:skl-kmeans:problem:",
}


# Nacos
def _nacos_metadata() -> dict[str, str]:
    metadata = {
        "version": __version__,
        "preserved.register.source": "DJANGO",
        # The base path of the health checks, under the key that Spring's tools read.
        "management.context-path": "/",
    }
    given: dict[str, str] = env.dict("NACOS_SERVICE_METADATA", default={})
    return metadata | given


NACOS: dict[str, Any] = {
    "server_addr": env.list("NACOS_SERVER_ADDR", default=[]),
    "context_path": env.str("NACOS_CONTEXT_PATH", "") or "/nacos",
    "proxy": env.str("NACOS_PROXY", ""),
    "namespace": env.str("NACOS_NAMESPACE", ""),
    "group": env.str("NACOS_GROUP", "DEFAULT_GROUP"),
    "config_namespace": env.str("NACOS_CONFIG_NAMESPACE", ""),
    "config_group": env.str("NACOS_CONFIG_GROUP", ""),
    "discovery_namespace": env.str("NACOS_DISCOVERY_NAMESPACE", ""),
    "discovery_group": env.str("NACOS_DISCOVERY_GROUP", ""),
    "data_id": env.str("NACOS_DATA_ID", "skl-kmeans"),
    "username": env.str("NACOS_USERNAME", ""),
    "password": env.str("NACOS_PASSWORD", ""),
    "access_key": env.str("NACOS_ACCESS_KEY", ""),
    "secret_key": env.str("NACOS_SECRET_KEY", ""),
    "tls_enabled": env.bool("NACOS_TLS_ENABLED", False),
    "tls_ca_file": env.str("NACOS_TLS_CA_FILE", ""),
    "tls_cert_file": env.str("NACOS_TLS_CERT_FILE", ""),
    "tls_key_file": env.str("NACOS_TLS_KEY_FILE", ""),
    "register_enabled": env.bool("NACOS_REGISTER_ENABLED", True),
    "service_name": env.str("NACOS_SERVICE_NAME", "skl-kmeans"),
    "service_ip": env.str("NACOS_SERVICE_IP", ""),
    "service_port": env.int("NACOS_SERVICE_PORT", PORT),
    "preferred_networks": env.list("NACOS_PREFERRED_NETWORKS", default=[]),
    "cluster_name": env.str("NACOS_CLUSTER_NAME", "DEFAULT"),
    "weight": env.float("NACOS_SERVICE_WEIGHT", 1.0),
    "ephemeral": env.bool("NACOS_SERVICE_EPHEMERAL", True),
    "metadata": _nacos_metadata(),
    "beat_interval_seconds": env.float("NACOS_BEAT_INTERVAL_SECONDS", 30.0),
    "verify_interval_seconds": env.float("NACOS_VERIFY_INTERVAL_SECONDS", 3.0),
    "reread_interval_seconds": env.float("NACOS_REREAD_INTERVAL_SECONDS", 15.0),
    "sync_timeout_seconds": env.float("NACOS_SYNC_TIMEOUT_SECONDS", 5.0),
    "ready_requires": env.list("READY_REQUIRES", default=[]),
    # These have no NACOS_ variables.
    "config_file": KMEANS_CONFIG_FILE,
    "config_handler": "clustering.config.parameters.Parameters",
    "home_page": "playground",
    "bind_host": HOST,
    "bind_port": PORT,
    "state_dir": STATE_DIR,
    "state_dir_is_temporary": STATE_DIR_IS_TEMPORARY,
    "launch_id": env.str("SERVE_LAUNCH_ID", ""),
    "lifeline_fd": SERVE_LIFELINE_FD,
    "drain_seconds": SERVE_DRAIN_SECONDS,
    "stop_timeout_seconds": SERVE_STOP_TIMEOUT_SECONDS,
    # Django's autoreloader runs the command twice: only the inner process serves.
    "reloader_child": env.str("RUN_MAIN", "") == "true",
    # For messages: the variable of each key.
    "variables": {
        **{
            key: f"NACOS_{key.upper()}"
            for key in (
                "server_addr", "context_path", "proxy", "namespace", "group",
                "config_namespace", "config_group", "discovery_namespace", "discovery_group",
                "data_id",
                "username", "password", "access_key", "secret_key", "tls_enabled",
                "tls_ca_file", "tls_cert_file", "tls_key_file", "register_enabled",
                "service_name", "service_ip", "service_port", "preferred_networks",
                "cluster_name", "beat_interval_seconds",
                "verify_interval_seconds", "reread_interval_seconds", "sync_timeout_seconds",
            )
        },
        "weight": "NACOS_SERVICE_WEIGHT",
        "ephemeral": "NACOS_SERVICE_EPHEMERAL",
        "metadata": "NACOS_SERVICE_METADATA",
        "ready_requires": "READY_REQUIRES",
        "config_file": "KMEANS_CONFIG_FILE",
        "bind_host": "HOST",
        "bind_port": "PORT",
        "state_dir": "STATE_DIR",
        "drain_seconds": "SERVE_DRAIN_SECONDS",
        "stop_timeout_seconds": "SERVE_STOP_TIMEOUT_SECONDS",
    },
}  # fmt: skip


# Likely misspelt. The jar is for `make nacos`.
UNKNOWN_VARIABLES = env.unknown(prefix="NACOS_")
UNKNOWN_VARIABLES.pop("NACOS_SERVER_JAR", None)


# Django
def _secret_key() -> str:
    path = environment.secret_key_file(env)
    if path is None:
        return env.str("DJANGO_SECRET_KEY")  # type: ignore[no-any-return]
    try:
        return path.read_text()
    except FileNotFoundError:
        # A script that has not called `prepare`: what it signs is valid in this process only.
        return secrets.token_urlsafe(50)


SECRET_KEY = _secret_key()
DEBUG = env.bool("DJANGO_DEBUG", False)
# Clients call the API by ip:port, service name or load balancer, so it accepts any Host header. The
# admin has its own list.
ALLOWED_HOSTS = ["*"]
ADMIN_ALLOWED_HOSTS = env.list("DJANGO_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# Failed logins of a name from an address, and for how long they count.
LOGIN_FAILURES_MAX = env.int("LOGIN_FAILURES_MAX", 5)
LOGIN_COOL_OFF_SECONDS = env.int("LOGIN_COOL_OFF_SECONDS", 300)
# Where proxies report neither scheme nor host, what browsers send as the origin of forms.
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS", subdomains=True)
# The path prefix that a proxy removes without reporting it.
FORCE_SCRIPT_NAME = env.path_prefix("FORCE_SCRIPT_NAME")
# Off by default, because services on one network usually call each other over plain HTTP.
DJANGO_TLS = env.bool("DJANGO_TLS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = DJANGO_TLS
SECURE_SSL_REDIRECT = DJANGO_TLS
# For so long, browsers refuse plain HTTP to this host, so it starts small.
SECURE_HSTS_SECONDS = env.not_below(
    0, "SECURE_HSTS_SECONDS", env.int("SECURE_HSTS_SECONDS", 3600 if DJANGO_TLS else 0)
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", False)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", False)
# Callers of the API, probes such as the kubelet, and the agent use plain HTTP; most do not follow
# the redirect of a POST. The page with the docs of the API is for browsers.
SECURE_REDIRECT_EXEMPT = [r"(^|/)api/(?!docs/)", rf"(^|/)({'|'.join(PROBES)})$"]
# Other hosts of the domain are not this service's.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if not DJANGO_TLS:
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008", "security.W010", "security.W016"]
ROOT_URLCONF = "kmeans_project.urls"
WSGI_APPLICATION = "kmeans_project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "kmeans_project.apps.ProjectConfig",
    "clustering",
    "serving",
    "nacos_integration",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework_api_key",
    "kmeans_project.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "kmeans_project.middleware.caller_middleware",
    *CORS_MIDDLEWARE,
    "kmeans_project.middleware.problem_middleware",
    "kmeans_project.middleware.host_middleware",
    "kmeans_project.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "kmeans_project.middleware.WhiteNoiseMiddleware",
    "kmeans_project.middleware.SessionMiddleware",
    "kmeans_project.middleware.language_middleware",
    "kmeans_project.middleware.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "kmeans_project.middleware.AuthenticationMiddleware",
    "kmeans_project.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _postgres() -> dict[str, Any]:
    """Return the connection that DATABASE_URL describes; errors must not reveal the password."""
    wrong = ImproperlyConfigured(
        "DATABASE_URL must be postgres://user:password@host:5432/name. Percent-encode characters "
        "such as / or ? in the password"
    )
    if not env.str("DATABASE_URL").startswith(("postgres://", "postgresql://")):
        raise wrong
    try:
        url: dict[str, Any] = env.db_url("DATABASE_URL")
    except ValueError:
        raise wrong from None  # the error quotes the port, which may be part of the password
    if not url["NAME"] or "@" in url["NAME"]:  # the password has a / that is not encoded
        raise wrong
    options = {
        # Calls fail soon if the database is unreachable.
        "connect_timeout": 3,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
    }
    # One connection per thread. A pool has threads, which do not survive a fork, and waits longer
    # for a connection than it takes to see that the database is unreachable.
    kept = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    return kept | url | {"OPTIONS": options | url.get("OPTIONS", {})}


def _sqlite() -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE_DIR / "db.sqlite3",
        "OPTIONS": {
            # Reads continue during a write, and writers wait instead of failing.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,
        },
    }


DATABASES = {"default": _postgres() if env.str("DATABASE_URL", "") else _sqlite()}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
USE_TZ = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "Simplified Chinese")]
LANGUAGE_COOKIE_AGE = 31_536_000
TIME_ZONE = _time_zone(env.str("TIME_ZONE", "UTC"))
# With a leading slash, so that Django adds no path prefix; the storage does, for each request.
STATIC_URL = "/static/"
STORAGES = {"staticfiles": {"BACKEND": "kmeans_project.static_files.StaticFilesStorage"}}
# Serve static files from the packages, so that collectstatic is not needed.
WHITENOISE_USE_FINDERS = True
REST_FRAMEWORK = {
    # DRF's own would check any password of an Authorization header, without a limit.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "serving.problems.handle",
    # drf-spectacular copies any other ?version= into a header, unchecked.
    "ALLOWED_VERSIONS": [__version__],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "skl-kmeans",
    "DESCRIPTION": "scikit-learn's k-means over REST, registered in and configured from Nacos.",
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["clustering.api.schema.without_aliases"],
    # Swagger UI from the sidecar package loads without internet access.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
