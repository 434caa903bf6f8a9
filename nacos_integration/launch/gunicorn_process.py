"""gunicorn as a child process, for `manage.py serve`."""

import os
import signal
import subprocess
import sys
from typing import Final

from django.conf import settings

from nacos_integration.conf import Conf

KILL_SECONDS: Final = 5.0


class Gunicorn:
    """gunicorn for the project's WSGI application; it ends with this process, even on kill -9."""

    def __init__(self, conf: Conf) -> None:
        self._conf = conf
        # gunicorn's master reads from the pipe, and ends when this end closes.
        child_end, self._lifeline = os.pipe()
        module, _, name = settings.WSGI_APPLICATION.rpartition(".")
        launch = {"SERVE_LAUNCH_ID": conf.launch_id}
        # gunicorn ignores SIGHUP until it can handle it.
        on_hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "gunicorn", f"{module}:{name}"],
            cwd=settings.BASE_DIR,
            env=os.environ | {"SERVE_LIFELINE_FD": str(child_end)} | launch,
            pass_fds=(child_end,),
            # A process group of its own: Ctrl-C must not reach it before the deregistration.
            start_new_session=True,
        )
        signal.signal(signal.SIGHUP, on_hangup)
        os.close(child_end)

    @property
    def exit_code(self) -> int | None:
        """gunicorn's exit code, None while it runs."""
        return self._process.poll()

    def reload(self) -> None:
        """Let gunicorn replace its workers."""
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """Let gunicorn finish its requests and end; kill it after `stop_timeout_seconds`."""
        if self.exit_code is None:
            self._process.terminate()
            try:
                self._process.wait(self._conf.stop_timeout_seconds + KILL_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        os.close(self._lifeline)
