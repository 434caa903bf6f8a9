"""`manage.py prune_history`: delete old records of the request history now."""

from typing import Any

from django.core.management.base import BaseCommand

from clustering.history.pruning import prune


class Command(BaseCommand):
    """Deletes records beyond HISTORY_MAX_AGE_DAYS and HISTORY_MAX_ROWS."""

    help = "Delete records of the request history beyond HISTORY_MAX_AGE_DAYS and HISTORY_MAX_ROWS."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{prune()} records deleted")
