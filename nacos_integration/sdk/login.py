"""The login to Nacos."""

import json
import time

from nacos_integration.conf import Conf
from nacos_integration.errors import NacosError, RefusedError
from nacos_integration.sdk import http_api

RETRY_SECONDS = 3.0


class Login:
    """Replaces the SDK's login: the password is in the body, never in a URL or a log."""

    # Nacos 3 first; a 2.x server knows only the second.
    PATHS = ("/v3/auth/user/login", "/v1/auth/users/login")

    def __init__(self, conf: Conf, server: str) -> None:
        self._conf = conf
        self._server = server
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
        for path in self.PATHS:
            answer = await http_api.arequest(
                self._conf, self._server, "POST", path, form=credentials
            )
            if answer.status != 404:
                break
        names = self._conf.names
        if answer.status == 404:
            raise RefusedError(
                f"{self._server} answers 404 to {self._conf.context_path}{path}: no Nacos there, "
                f"check {names['context_path']}"
            )
        if answer.status != 200:
            # Nacos 3.0 answers a wrong password with 500, like a fault of its own.
            raise RefusedError(
                f"{self._server} refused the login of {self._conf.username!r} (HTTP status "
                f"{answer.status}): check {names['username']} and {names['password']}, or the "
                "server's log"
            )
        try:
            given = json.loads(answer.body)
            self._token, seconds = given["accessToken"], float(given.get("tokenTtl", 18000))
        except (ValueError, TypeError, LookupError) as error:
            raise NacosError(f"{self._server}{path} did not answer like Nacos") from error
        self._expires_at = time.monotonic() + seconds
        # Early, so that it does not expire during a request.
        self._renew_at = self._expires_at - 0.1 * seconds
        return self._token
