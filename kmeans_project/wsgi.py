"""The WSGI application; loading it makes a process one that serves."""

import os

from django.core.wsgi import get_wsgi_application

from nacos_integration import launch

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kmeans_project.settings")
launch.serves_wsgi = True
application = get_wsgi_application()
