"""What a project imports of the app, and when it may."""

import os
import subprocess
import sys
from pathlib import Path

import nacos_integration

CODE = """
import sys
from nacos_integration import *
from nacos_integration.launch import environment, gunicorn, wsgi
from django.apps import apps
from django.conf import settings
assert not settings.configured and not apps.ready
assert "nacos_integration.models" not in sys.modules
assert "v2" not in sys.modules, "Nacos' SDK"
"""


def test_they_need_neither_settings_nor_models_nor_sdk() -> None:
    root = Path(nacos_integration.__file__).parents[1]
    environment = {key: os.environ[key] for key in os.environ if key != "DJANGO_SETTINGS_MODULE"}
    subprocess.run([sys.executable, "-c", CODE], cwd=root, env=environment, check=True)


def test_each_name_is_there_and_documented() -> None:
    for name in nacos_integration.__all__:
        assert getattr(nacos_integration, name).__doc__, name
