"""The WSGI application; loading it makes a process one that serves."""

import os

from django.core.wsgi import get_wsgi_application

from kmeans_project import tracing
from nacos_integration.launch import process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kmeans_project.settings")
process.serves_wsgi = True
tracing.instrument()
if not process.will_fork:
    tracing.start()
application = get_wsgi_application()
