import settings

from nacos_integration import launch

bind = f"0.0.0.0:{settings.PORT}"
workers = 2


def when_ready(server: object) -> None:
    launch.end_with_parent(settings.SERVE_LIFELINE_FD)
