"""`manage.py prune_history`: bring the request history within its limits now."""

from typing import Any

from django.core.management.base import BaseCommand

from clustering.history.writer import prune


class Command(BaseCommand):
    """Deletes what HISTORY_MAX_AGE_DAYS and HISTORY_MAX_ROWS do not allow to stay."""

    help = "Delete the request history beyond HISTORY_MAX_AGE_DAYS and HISTORY_MAX_ROWS."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{prune()} records deleted")
