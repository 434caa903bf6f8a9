"""Real reverse proxies in front of a service: nginx and haproxy, as child processes."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.service import free_port
from tests.support.waiting import wait_until

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream service {{ server 127.0.0.1:{port}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{own_port};
        {server}
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            {location}
        }}
    }}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    http-reuse always
frontend callers
    bind 127.0.0.1:{own_port}
    default_backend service
backend service
    server one 127.0.0.1:{port}
"""


@contextlib.contextmanager
def nginx(port: int, folder: Path, *, server: str = "", location: str = "") -> Iterator[int]:
    """Yield the port of an nginx that passes all to `port`; it gets these further lines."""
    own_port = free_port()
    config = folder / "nginx.conf"
    config.write_text(
        NGINX.format(folder=folder, port=port, own_port=own_port, server=server, location=location)
    )
    # `-e`, because it opens its compiled-in log file before it reads where the log is.
    with _running(["nginx", "-e", f"{folder}/nginx.log", "-c", str(config)], own_port):
        yield own_port


@contextlib.contextmanager
def haproxy(port: int, folder: Path) -> Iterator[int]:
    """Yield the port of a haproxy that passes all to `port`."""
    own_port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port, own_port=own_port))
    with _running(["haproxy", "-db", "-f", str(config)], own_port):
        yield own_port


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def listens() -> bool:
        assert process.poll() is None, process.stdout and process.stdout.read()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(listens, 10)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)
