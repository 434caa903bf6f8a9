import settings

from nacos_integration.launch import process

bind = f"0.0.0.0:{settings.PORT}"
workers = 2


def when_ready(server: object) -> None:
    process.end_with_parent(settings.SERVE_LIFELINE_FD)
