"""Errors of this app."""


class NacosError(Exception):
    """Nacos could not be asked, or refused; says which server, what happened, and what to do."""


class HttpRefusedError(NacosError):
    """The server's HTTP API did not give what was asked for."""


class ConflictError(NacosError):
    """Somebody else has changed the config that was to be replaced."""


class RefusedError(NacosError):
    """The server gave no token, or no right; the connection itself works."""


class SourceUnavailableError(Exception):
    """The source could not be asked; says what was tried, what happened, and what to do."""


class UnreadableConfigError(Exception):
    """The source was asked, and what it holds is no text that could be judged."""


class NotAllowedError(Exception):
    """The source does not let this service write; says what refused it."""
