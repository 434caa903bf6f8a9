import os

from django.core.wsgi import get_wsgi_application

from nacos_integration.launch import process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
# Who loads this is going to serve; so gunicorn alone, without `serve`, has an agent too.
process.serves_wsgi = True
application = get_wsgi_application()
