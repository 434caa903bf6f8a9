"""Problem documents in responses of Django's test client."""

from typing import Any


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Return the problem document of a response, checked."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert int(response.headers["Content-Length"]) == len(response.content)
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"urn:skl-kmeans:problem:{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["request_id"] == response.headers["X-Request-ID"]
    return problem
