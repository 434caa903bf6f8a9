"""Keeps the request history within its limits of age and size."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from clustering.history.reading import id_range
from clustering.models import RequestRecord

# In one transaction, so that other writers can write in between.
_ROWS_PER_TRANSACTION: Final = 1000


def prune() -> int:
    """Delete the oldest rows beyond the limits of age and count; return how many.

    Raises DatabaseError. Several processes may prune at once. Ids ascend with time, so the oldest
    rows are found without counting the table.
    """
    deleted = 0
    while True:
        ids = id_range()
        if not ids:
            return deleted
        oldest = RequestRecord.objects.filter(pk__lt=ids.start + _ROWS_PER_TRANSACTION)
        over_count = oldest.filter(pk__lt=ids.stop - settings.HISTORY_MAX_ROWS)
        over_age = oldest.filter(
            created_at__lt=timezone.now() - timedelta(days=settings.HISTORY_MAX_AGE_DAYS)
        )
        count = (over_count | over_age).delete()[0]
        deleted += count
        if not count:
            return deleted
