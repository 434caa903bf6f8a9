"""Makes records of the request history for tests."""

from datetime import UTC, datetime
from typing import Any

from clustering.models import RequestRecord
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS

HISTORY = "/admin/clustering/requestrecord/"
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def create_record(**fields: Any) -> RequestRecord:
    values = {"created_at": NOON, "duration_ms": 1.0, "status": 200, "outcome": "ok"} | fields
    return RequestRecord.objects.create(**values)


def create_reference_record(**fields: Any) -> RequestRecord:
    values = {
        "points": 9,
        "dimensions": 2,
        "clusters": 3,
        "payload": REFERENCE_POINTS,
        "labels": REFERENCE_LABELS[3],
    }
    return create_record(**values | fields)
