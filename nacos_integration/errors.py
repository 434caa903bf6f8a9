"""The errors of this app: each names what was tried, what happened, and what to do."""


class NacosError(Exception):
    """A call to Nacos failed."""


class HttpRefusedError(NacosError):
    """The server's HTTP API refused a request, or did not answer it: then `status` is 0."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ConflictError(NacosError):
    """The config to be replaced has changed meanwhile."""


class RefusedError(NacosError):
    """The server refused the login or the permission; the connection works."""


class SourceUnavailableError(Exception):
    """The source of the config could not be read."""


class UnreadableConfigError(Exception):
    """The source of the config does not hold a text."""


class NotAllowedError(Exception):
    """The source of the config does not allow this service to write."""
