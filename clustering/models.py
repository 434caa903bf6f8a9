"""The tables of the request history and of the API keys."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import AbstractAPIKey


class RequestRecord(models.Model):
    """One request to the endpoint, and its answer."""

    created_at = models.DateTimeField(_("when"), db_index=True)
    request_id = models.CharField(
        _("request id"),
        max_length=64,
        blank=True,
        help_text=_("The X-Request-ID of the answer."),
    )
    client = models.CharField(_("from"), max_length=64, help_text=_("Address of the caller."))
    points = models.PositiveIntegerField(_("points"), null=True)
    dimensions = models.PositiveIntegerField(_("dimensions"), null=True)
    clusters = models.PositiveIntegerField(
        _("clusters"), null=True, help_text=_("k of k-means that was used.")
    )
    config_version = models.CharField(_("config version"), max_length=12, blank=True)
    parameters = models.JSONField(
        _("other parameters"),
        null=True,
        help_text=_("Parameters of k-means besides clusters; empty in rows of earlier releases."),
    )
    duration_ms = models.FloatField(_("duration (ms)"))
    status = models.PositiveSmallIntegerField(_("HTTP status"))
    # Null instead of blank: SQLite copies the whole table to add a column with a default.
    problem = models.CharField(  # noqa: DJ001
        _("problem"),
        max_length=40,
        null=True,
        help_text=_("The code of the problem document; none where there was no problem."),
    )
    outcome = models.CharField(
        _("outcome"), max_length=300, help_text=_("`ok`, or what was wrong and where.")
    )
    # Nullable for the same reason.
    model = models.CharField(  # noqa: DJ001
        _("model"),
        max_length=40,
        null=True,
        help_text=_("The model that was called; empty in rows of earlier releases."),
    )
    payload = models.JSONField(
        _("payload"), null=True, help_text=_("The points, where small enough to keep.")
    )
    labels = models.JSONField(
        _("labels"), null=True, help_text=_("The answer, where small enough to keep.")
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = _("request")
        verbose_name_plural = _("request history")
        # Each makes writing slower; clustering/history/reading.py uses them all.
        indexes = [
            models.Index(fields=["status", "created_at"], name="history_status_created_at"),
            # PostgreSQL's default index of a CharField cannot search for prefixes.
            models.Index(
                fields=["request_id"], name="history_request_id", opclasses=["varchar_pattern_ops"]
            ),
        ]

    def __str__(self) -> str:
        return _("request %(number)s: %(outcome)s") % {"number": self.pk, "outcome": self.outcome}


class ApiKey(AbstractAPIKey):
    """A key to call the endpoint with: its name, its hash, and its rate limit.

    clustering.api.api_keys uses `minute` and `count`: the number of requests accepted in a minute.
    """

    # The library's fields, with translated names.
    prefix = models.CharField(_("prefix"), max_length=8, unique=True, editable=False)
    created = models.DateTimeField(_("created"), auto_now_add=True, db_index=True)
    name = models.CharField(
        _("name"), max_length=50, default=None, help_text=_("Who uses it; need not be unique.")
    )
    expiry_date = models.DateTimeField(
        _("expires"), null=True, blank=True, help_text=_("Refused from then on. Blank: never.")
    )
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Blank: no limit."),
    )
    revoked = models.BooleanField(
        _("revoked"),
        default=False,
        help_text=_("Refused everywhere within 10 seconds. This cannot be undone."),
    )
    last_used = models.DateTimeField(
        _("last used"), null=True, editable=False, help_text=_("Exact to the minute.")
    )
    minute = models.IntegerField(default=0, editable=False)
    count = models.IntegerField(default=0, editable=False)

    class Meta:
        ordering = ["-created"]
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
