"""The OpenAPI schema against a golden file."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from clustering.api.serializers import ProblemSerializer
from serving import conf, problems, status_titles

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


def responses(path: str = "/api/skl-kmeans") -> dict[str, Any]:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    found: dict[str, Any] = schema["paths"][path]["post"]["responses"]
    return found


def test_each_problem_has_examples_that_are_problem_documents() -> None:
    codes = problems.status_by_code()
    shown = set()
    for status, response in responses().items():
        examples = response["content"].get("application/problem+json", {}).get("examples", {})
        assert status == "200" or examples, status
        for example in examples.values():
            document = example["value"]
            ProblemSerializer(data=document).is_valid(raise_exception=True)
            assert document.keys() <= ProblemSerializer().fields.keys()
            number = document["status"]
            assert status in (str(number), "default")
            assert document["title"] == status_titles.TITLES[number]
            code = document["type"].removeprefix(conf.load().problem_prefix)
            assert codes.get(code, number) == number
            shown.add(code)
            assert code in {*codes, problems.code_of(number), "internal-error"}
    assert shown >= codes.keys() - {"caller-gone"}


POINTS = {
    "invalid-points": {},
    "ragged-points": {"points": [[1, 2]] * 17 + [[1, 2, 3]]},
    "too-few-points": {"points": [[1, 2], [3, 4]]},
    "overflow": {"points": [[1, 2]] * 8 + [[1, 1e200]]},
}


@pytest.mark.usefixtures("configure")
@pytest.mark.parametrize("code", POINTS)
def test_an_example_is_what_the_service_answers(client: Client, code: str) -> None:
    answer = client.post("/api/skl-kmeans", POINTS[code], content_type="application/json")
    given = answer.json()
    examples = responses()[str(answer.status_code)]["content"]["application/problem+json"]
    (shown,) = (
        example["value"]
        for example in examples["examples"].values()
        if example["value"]["type"] == given["type"]
    )
    assert shown | {"request_id": given["request_id"]} == given


def test_swagger_ui_loads_without_the_internet(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()
    assert "swagger-ui-bundle.js" in page
    assert "//cdn" not in page
    assert "https://" not in page
    script = client.get("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")
    assert script.status_code == 200
    assert len(script.getvalue()) > 100_000


def test_the_page_leads_back_to_the_others(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()
    for address in ('href="/"', 'href="/admin/"', "api_docs.js"):
        assert address in page
    chinese = client.get("/api/docs/", headers={"accept-language": "zh-CN"})
    assert chinese.headers["Content-Language"] == "zh-hans"
