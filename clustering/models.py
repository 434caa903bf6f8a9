"""The request history."""

from django.db import models


class RequestRecord(models.Model):
    """One request to the endpoint, and what became of it."""

    created_at = models.DateTimeField("when", db_index=True)
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
