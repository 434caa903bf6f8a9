"""Which process runs the agent, told by the launcher; without Django, so that it can be first."""

import os
import signal
import sys
import threading
import time

# Set by wsgi.py: whoever loads the WSGI application is going to serve it.
serves_wsgi = False
# Set by gunicorn.conf.py in gunicorn's master: with --preload it loads the application and then
# forks, and threads or gRPC connections would not survive that.
will_fork = False


def should_have_agent(*, agent_in_parent: bool, reloader_child: bool) -> bool:
    """Return whether this process serves requests, or is `manage.py serve`: such have an agent.

    Any other management command, a shell, a script or a test run is not. With `agent_in_parent`
    the parent has it; `reloader_child` tells the inner of the two processes of `runserver`.
    """
    if will_fork or agent_in_parent:
        return False
    if serves_wsgi:
        return True
    arguments = sys.argv[1:]
    if not arguments or not sys.argv[0].endswith(("manage.py", "django-admin")):
        return False
    if {"-h", "--help"} & set(arguments):
        return False
    if arguments[0] == "runserver":
        return reloader_child or "--noreload" in arguments
    return arguments[0] == "serve"


def end_with_parent(lifeline: int | None) -> None:
    """In gunicorn's master: end it when `manage.py serve`, which started it, is gone, however.

    `lifeline` is the end of a pipe whose other end `serve` holds; None under another launcher.
    """
    if lifeline is not None:
        threading.Thread(
            target=_end_at_close, args=(lifeline,), name="lifeline", daemon=True
        ).start()


def _end_at_close(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the other end closes
    os.kill(os.getpid(), signal.SIGQUIT)
    time.sleep(1)
    os.killpg(os.getpid(), signal.SIGKILL)  # `serve` made it the leader of a group of its own
