"""The request history, and the API keys."""

from django.core.validators import MinValueValidator
from django.db import models
from rest_framework_api_key.models import AbstractAPIKey


class RequestRecord(models.Model):
    """One request to the endpoint, and what became of it."""

    created_at = models.DateTimeField("when", db_index=True)
    request_id = models.CharField(
        max_length=64, blank=True, db_index=True, help_text="The X-Request-ID of the answer."
    )
    client = models.CharField("from", max_length=64, help_text="Address of the caller.")
    points = models.PositiveIntegerField(null=True)
    dimensions = models.PositiveIntegerField(null=True)
    clusters = models.PositiveIntegerField(null=True, help_text="k of k-means that was used.")
    config_version = models.CharField(max_length=12, blank=True)
    duration_ms = models.FloatField("duration (ms)")
    status = models.PositiveSmallIntegerField("HTTP status", db_index=True)
    outcome = models.CharField(max_length=300, help_text="`ok`, or what was wrong and where.")
    payload = models.JSONField(null=True, help_text="The points, where small enough to keep.")
    labels = models.JSONField(null=True, help_text="The answer, where small enough to keep.")

    class Meta:
        ordering = ["-id"]
        verbose_name = "request"
        verbose_name_plural = "request history"

    def __str__(self) -> str:
        return f"request {self.pk}: {self.outcome}"


class ApiKey(AbstractAPIKey):
    """A key to call the endpoint with: a name, a hash, and how often it may be used.

    `minute` and `count` belong to clustering.api_keys: so many requests were let through in
    that minute.
    """

    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Blank: no limit."
    )
    revoked = models.BooleanField(
        default=False,
        help_text="Refused everywhere within 10 seconds. This cannot be undone.",
    )
    minute = models.IntegerField(default=0, editable=False)
    count = models.IntegerField(default=0, editable=False)
