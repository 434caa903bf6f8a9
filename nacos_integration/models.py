"""The history of the live config."""

from django.db import models


class ConfigChange(models.Model):
    """One config text that was judged, and what became of it."""

    class Outcome(models.TextChoices):
        APPLIED = "applied"
        REJECTED = "rejected"

    created_at = models.DateTimeField("when", db_index=True)
    instance = models.CharField(max_length=64, help_text="ip:port of the instance that judged.")
    source = models.CharField(
        max_length=16,
        help_text="nacos or file; snapshot or default where the source did not answer at start.",
    )
    key = models.CharField("data id", max_length=500, help_text="Where the text came from.")
    outcome = models.CharField(max_length=16, choices=Outcome.choices, db_index=True)
    reason = models.TextField(blank=True, help_text="Why rejected, or remarks on what was applied.")
    md5 = models.CharField(max_length=32)
    before = models.TextField(blank=True, help_text="The text in force before.")
    after = models.TextField(blank=True, help_text="The text that was judged.")

    class Meta:
        ordering = ["-id"]
        verbose_name = "config change"
        verbose_name_plural = "live config"

    def __str__(self) -> str:
        return f"config {self.md5[:12]} {self.outcome}"
