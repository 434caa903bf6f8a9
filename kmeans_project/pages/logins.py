"""The login of the admin: limits failures, and how many passwords are checked at once."""

import ipaddress
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from kmeans_project.models import LoginFailure
from serving import request_context

logger = logging.getLogger(__name__)

# A check takes a core for a good part of a second, on purpose.
_CHECKS: Final = threading.BoundedSemaphore(2)
_CHECKED_OR_WAITING: Final = threading.BoundedSemaphore(8)
WAIT_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 5
# An address may fail with several names, but not with any number of them.
NAMES_PER_ADDRESS: Final = 4
KEPT_ROWS: Final = 10_000
NAME_MAX: Final = 150


class LoginForm(AdminAuthenticationForm):
    """Checks no password beyond the limits; `refusal` is then the status of the answer.

    Failures count by address and name, so that nobody can lock a user out from everywhere.
    """

    refusal: int | None = None
    retry_seconds = RETRY_SECONDS

    def clean(self) -> dict[str, Any]:
        """Check the password; raise ValidationError if it is wrong or not checked."""
        if not {"username", "password"} <= self.cleaned_data.keys():
            return super().clean()
        # The form lets longer ones pass, which nobody has.
        username, address = self.cleaned_data["username"][:NAME_MAX], self._address()
        self._check_failures(username, address)
        with self._place():
            # Again, because others have failed in the meantime.
            self._check_failures(username, address)
            try:
                return super().clean()
            except ValidationError:
                _record(username, address)
                raise

    def _check_failures(self, username: str, address: str) -> None:
        names = _recent_names(address)
        is_locked = names.count(username) >= settings.LOGIN_FAILURES_MAX
        if is_locked or len(names) >= settings.LOGIN_FAILURES_MAX * NAMES_PER_ADDRESS:
            self.retry_seconds = settings.LOGIN_COOL_OFF_SECONDS
            text = _("Too many failed logins from your address. Try again in %(seconds)d seconds.")
            self._refuse(429, text % {"seconds": self.retry_seconds})

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not _CHECKED_OR_WAITING.acquire(blocking=False):
            self._refuse_busy()
        try:
            if not _CHECKS.acquire(timeout=WAIT_SECONDS):
                self._refuse_busy()
            try:
                yield
            finally:
                _CHECKS.release()
        finally:
            _CHECKED_OR_WAITING.release()

    def _refuse_busy(self) -> None:
        self._refuse(503, _("Too many logins at this moment. Try again in a few seconds."))

    def _refuse(self, status: int, text: str) -> None:
        self.refusal = status
        raise ValidationError(text)

    def _address(self) -> str:
        assert self.request
        caller = request_context.current.get() or request_context.identify(self.request.META)
        try:
            parsed = ipaddress.ip_address(caller.address)
        except ValueError:
            return caller.address[:64]
        if parsed.version == 4:
            return str(parsed)
        # One host may have all addresses of such a network.
        return str(ipaddress.ip_network((parsed, 64), strict=False))


def _recent_names(address: str) -> list[str]:
    since = timezone.now() - timedelta(seconds=settings.LOGIN_COOL_OFF_SECONDS)
    recent = LoginFailure.objects.filter(address=address, created_at__gt=since)
    names = recent.order_by().values_list("username", flat=True)
    return list(names[: settings.LOGIN_FAILURES_MAX * NAMES_PER_ADDRESS])


def _record(username: str, address: str) -> None:
    row = LoginFailure.objects.create(username=username, address=address)
    LoginFailure.objects.filter(pk__lte=row.pk - KEPT_ROWS).delete()
    logger.warning("login failed: %r from %s", username, address)
