#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from kmeans_project import metrics_folder
from kmeans_project.prepare import prepare


def main() -> None:
    """Run the management command named on the command line."""
    prepare()
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.core.management.commands.runserver import Command as RunServer

    try:
        # runserver has no setting for its address; these class attributes are its only default.
        # The first is for IPv4, the second for its option --ipv6.
        RunServer.default_addr = "0.0.0.0" if settings.HOST == "::" else settings.HOST  # noqa: S104
        RunServer.default_addr_ipv6 = settings.HOST
    except ImproperlyConfigured as error:  # reading the first setting reads all of them
        sys.exit(f"wrong setting: {error}")
    RunServer.default_port = str(settings.PORT)
    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except BrokenPipeError:  # what reads the output, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    finally:
        if sys.argv[1:2] == ["serve"]:
            metrics_folder.remove_unused(seconds=3.0)  # if gunicorn was killed


if __name__ == "__main__":
    main()
