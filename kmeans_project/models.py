"""Failed logins."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class LoginFailure(models.Model):
    """A login to the admin with a wrong name or password."""

    created_at = models.DateTimeField(_("when"), auto_now_add=True)
    username = models.CharField(_("username"), max_length=150)
    address = models.CharField(
        _("address"), max_length=64, help_text=_("Of IPv6 addresses the first 64 bits.")
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = _("failed login")
        verbose_name_plural = _("failed logins")
        indexes = [models.Index(fields=["address", "created_at"], name="login_failure_recent")]

    def __str__(self) -> str:
        return f"{self.username}, {self.address}"
