"""The WSGI application; a process that imports it serves requests."""

from kmeans_project.prepare import prepare

prepare()

from kmeans_project import tracing
from nacos_integration.launch import process
from nacos_integration.launch.wsgi import get_wsgi_application

tracing.instrument()
if not process.will_fork:
    tracing.start()
application = get_wsgi_application()
