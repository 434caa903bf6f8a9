"""Which process runs the agent; importable before Django is set up."""

import os
import signal
import sys
import threading
import time
import uuid

# Shared by forked processes, such as gunicorn's workers. It shows them whether a file in the state
# directory is from their own agent or from an earlier launch.
launch_id = uuid.uuid4().hex
# Set by launch/wsgi.py: a process that loads the WSGI application will serve.
serves_wsgi = False
# Set by launch/gunicorn.py in gunicorn's master. With --preload the master loads the application
# and then forks, which neither threads nor gRPC connections survive.
will_fork = False


def should_have_agent(*, agent_in_parent: bool, reloader_child: bool) -> bool:
    """Return whether this process serves.

    `manage.py serve` starts its agent itself, after its checks. Other management commands, shells,
    scripts and test runs have no agent. `agent_in_parent` means that the parent process has the
    agent, `reloader_child` that this is the inner one of the two processes of `runserver`.
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
    return arguments[0] == "runserver" and (reloader_child or "--noreload" in arguments)


def end_with_parent(lifeline_fd: int | None) -> None:
    """End gunicorn's master, in which this is called, when `manage.py serve` has ended in any way.

    `lifeline_fd` is the end of a pipe whose other end `serve` holds; None under another launcher.
    """
    if lifeline_fd is not None:
        threading.Thread(
            target=_end_at_close, args=(lifeline_fd,), name="lifeline", daemon=True
        ).start()


def _end_at_close(lifeline_fd: int) -> None:
    os.read(lifeline_fd, 1)  # returns when the other end closes
    os.kill(os.getpid(), signal.SIGQUIT)
    time.sleep(1)
    os.killpg(os.getpid(), signal.SIGKILL)  # `serve` made this process lead a group of its own
