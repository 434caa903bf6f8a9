"""The WSGI application; loading it makes a process one that serves."""

import os

from kmeans_project import tracing
from nacos_integration.launch import process
from nacos_integration.launch.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kmeans_project.settings")
tracing.instrument()
if not process.will_fork:
    tracing.start()
application = get_wsgi_application()
