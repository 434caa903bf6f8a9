"""The history of the live config."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ConfigChange(models.Model):
    """A config text that was applied or rejected."""

    class Outcome(models.TextChoices):
        APPLIED = "applied", _("Applied")
        REJECTED = "rejected", _("Rejected")

    created_at = models.DateTimeField(_("when"), db_index=True)
    instance = models.CharField(
        _("instance"), max_length=64, help_text=_("ip:port of the instance that judged.")
    )
    source = models.CharField(
        _("source"),
        max_length=16,
        help_text=_("nacos or file; snapshot or default where the source did not answer at start."),
    )
    key = models.CharField(_("data id"), max_length=500, help_text=_("Where the text came from."))
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices, db_index=True)
    reason = models.TextField(
        _("reason"), blank=True, help_text=_("Why rejected, or remarks on what was applied.")
    )
    md5 = models.CharField("MD5", max_length=32)
    before = models.TextField(_("before"), blank=True, help_text=_("The text in force before."))
    after = models.TextField(_("after"), blank=True, help_text=_("The text that was judged."))
    # Null instead of blank: SQLite copies the whole table to add a column with a default.
    published_by = models.CharField(  # noqa: DJ001
        _("published by"),
        max_length=150,
        null=True,
        help_text=_(
            "The user who published it in the admin of this instance; empty if it was published "
            "elsewhere."
        ),
    )
    workers = models.PositiveIntegerField(
        _("workers"), null=True, help_text=_("Of this instance, when all of them had the config.")
    )
    in_force_after_seconds = models.FloatField(
        _("in all workers after (s)"),
        null=True,
        help_text=_("From the moment it was applied until the last worker had it."),
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = _("config change")
        verbose_name_plural = _("live config")
        permissions = [
            ("publish_config", "Can change the config in Nacos, or in its file"),
            ("change_traffic", "Can take instances out of the registry, and put them back"),
        ]

    def __str__(self) -> str:
        outcome = self.get_outcome_display()
        return _("config %(version)s: %(outcome)s") % {"version": self.md5[:12], "outcome": outcome}
