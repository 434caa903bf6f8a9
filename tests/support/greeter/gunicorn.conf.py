import os

from django.conf import settings

from nacos_integration.launch.gunicorn import *  # noqa: F403

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
bind = f"0.0.0.0:{settings.NACOS['bind_port']}"
workers = 2
