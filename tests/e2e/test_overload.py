"""More callers than the service can serve, and slow senders; no timing is asserted.

`make overload` has the times.
"""

import statistics
from concurrent.futures import ThreadPoolExecutor

from benchmarks import load
from tests.support.reference import REFERENCE_LABELS
from tests.support.service import Service
from tests.support.workers import resident_bytes

OVERLOADED = "503 overloaded with Retry-After"


def test_too_many_callers_get_an_answer_or_retry_after(service: Service) -> None:
    service.environment["KMEANS_QUEUE_SIZE"] = "4"
    service.start()
    service.wait_until_it_answers()
    before = resident_bytes(service)
    with ThreadPoolExecutor() as pool:
        posting = pool.submit(load.post_all_the_time, service.port, 64, 8, load.BODY)
        asking = pool.submit(load.ask_regularly, service.port, "/livez", 5, 8)
        answers = posting.result()
        assert set(asking.result()) == {"200"}
    assert set(answers) == {"200", OVERLOADED}
    assert resident_bytes(service).keys() == before.keys(), service.log()
    assert service.labels() == REFERENCE_LABELS[3]
    assert "Traceback" not in service.log()


def test_more_slow_senders_than_threads_delay_nobody(service: Service) -> None:
    service.environment |= {
        "THREADS": "5",
        "KMEANS_QUEUE_SIZE": "2",
        "HTTP_READ_TIMEOUT_SECONDS": "2",
    }
    service.start()
    service.wait_until_it_answers()
    with ThreadPoolExecutor() as pool:
        # A byte each second, so that some come in the very moment in which the time is over.
        sending = pool.submit(load.send_slowly, service.port, 100, 10)
        health = load.ask_regularly(service.port, "/livez", 5, 10)
        labels = load.post_all_the_time(service.port, 1, 1, load.BODY)
        ends = sending.result()
    assert set(health) == {"200"}
    assert statistics.median(health["200"]) < 1
    assert set(labels) == {"200"}
    assert "408 request-timeout" in ends
    assert set(ends) <= {"408 request-timeout", "ConnectionResetError", "BrokenPipeError"}
    # Far from what it would take to send all that was announced.
    assert max(max(seconds) for seconds in ends.values()) < 20
