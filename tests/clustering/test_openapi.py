"""The OpenAPI schema against a golden file."""

from pathlib import Path

import yaml
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

GOLDEN = Path(__file__).parent / "openapi.yaml"


def test_schema_is_the_golden_one(client: Client) -> None:
    """After an intended change: `manage.py spectacular --file tests/clustering/openapi.yaml`."""
    response = client.get("/api/schema/")
    assert response.status_code == 200
    assert yaml.safe_load(response.content) == yaml.safe_load(GOLDEN.read_text())


def test_schema_is_valid_and_names_every_error() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(schema)
    responses = schema["paths"]["/api/skl-kmeans"]["post"]["responses"]
    assert set(responses) >= {"200", "400", "405", "406", "413", "415", "422", "500", "503"}
    for status, response in responses.items():
        expected = "application/json" if status == "200" else "application/problem+json"
        assert list(response["content"]) == [expected]


def test_swagger_ui_loads_without_the_internet(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()
    assert "swagger-ui-bundle.js" in page
    assert "//cdn" not in page
    assert "https://" not in page
    script = client.get("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")
    assert script.status_code == 200
    assert len(script.getvalue()) > 100_000
