"""The login to Nacos, and the URLs of its HTTP API."""

import json
import time
from typing import Any

from nacos_integration.conf import Conf
from nacos_integration.errors import NacosError, RefusedError

RETRY_SECONDS = 3.0


def http_url(conf: Conf, server: str, path: str) -> str:
    """Return the URL of `path` on `server`, a `host:port`."""
    # Without a scheme the SDK would use http, even with TLS.
    return f"{'https' if conf.tls_enabled else 'http'}://{server}{path}"


class Login:
    """Replaces the SDK's login: the password is in the body, never in a URL or a log."""

    # Nacos 3 first; a 2.x server knows only the second.
    PATHS = ("/nacos/v3/auth/user/login", "/nacos/v1/auth/users/login")

    def __init__(self, conf: Conf, server: str, http_agent: Any) -> None:
        self._conf = conf
        self._server = server
        self._http_agent = http_agent
        self._token = ""
        self._renew_at = 0.0
        self._expires_at = 0.0

    async def get_access_token(self, force_refresh: bool = False) -> str:
        if not force_refresh and time.monotonic() < self._renew_at:
            return self._token
        try:
            return await self._login()
        except NacosError:
            if time.monotonic() >= self._expires_at:
                raise
            # The old token is still valid, and the refusal may pass.
            self._renew_at = time.monotonic() + RETRY_SECONDS
            return self._token

    def forget_token(self) -> None:
        """Log in again for the next request, because the server has refused the token."""
        self._renew_at = self._expires_at = 0.0

    async def _login(self) -> str:
        credentials = {"username": self._conf.username, "password": self._conf.password}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        error: object = None
        for path in self.PATHS:
            url = http_url(self._conf, self._server, path)
            body, error = await self._http_agent.request(url, "POST", form, None, credentials)
            if body:
                answer = json.loads(body)
                self._token = answer["accessToken"]
                seconds = float(answer.get("tokenTtl", 18000))
                self._expires_at = time.monotonic() + seconds
                # Early, so that it does not expire during a request.
                self._renew_at = self._expires_at - 0.1 * seconds
                return self._token
            if "404" not in str(error):
                break
        if isinstance(error, str):
            # Nacos 3.0 answers a wrong password with 500, like a fault of its own.
            names = self._conf.names
            raise RefusedError(
                f"{self._server} refused the login of {self._conf.username!r} ({error}): "
                f"check {names['username']} and {names['password']}, or the server's log"
            )
        raise NacosError(f"{self._server} did not answer the login: {error}")
