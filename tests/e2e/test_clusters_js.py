"""The drawing of clusters, in a real browser."""

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tests.support.browser import Browser
from tests.support.service import Service

IMPORT = """
    const [done] = [...arguments].slice(-1);
    import("/static/clustering/%s.js").then((module) => {
"""
COMPONENTS = IMPORT % "principal_components" + (
    "done(module.principalComponents(arguments[0])); });"
)
DRAW = (
    IMPORT % "clusters"
    + """
        const container = document.body.appendChild(document.createElement("figure"));
        Object.assign(container.dataset, {
            labeled: "{points} in {clusters}", unlabeled: "{points} points", sizes: "sizes",
            cluster: "{label}:", more: "and {count} more", centres: "centres",
            coordinate: "coordinate {number}", component: "component {number}",
            projected: "{dimensions} dimensions, {percent} %",
        });
        module.drawClusters(container, arguments[0], arguments[1]);
        const all = (selector) => [...container.querySelectorAll(selector)];
        done({
            name: container.querySelector("[role=img]").getAttribute("aria-label"),
            paths: all("[role=img] .clusters-dots").map(path => path.getAttribute("d")),
            texts: all("text").map(text => text.textContent),
            legend: all("li").map(item => item.textContent.trim()),
            notes: all("p").map(note => note.textContent),
        });
        container.remove();
    });
"""
)


@pytest.fixture
def page(live: Service, browser: Browser) -> Browser:
    browser.get(f"{live.url}/livez")
    return browser


def draw(page: Browser, points: list[list[float]], labels: list[int] | None) -> dict[str, Any]:
    drawn: dict[str, Any] = page.execute_async_script(DRAW, points, labels)
    page.assert_no_console_errors()
    return drawn


def test_components_are_those_of_scikit_learn(page: Browser) -> None:
    generator = np.random.default_rng(5)
    points = generator.normal(size=(60, 5)) @ generator.normal(size=(5, 5)) * 1e160 + 7
    points = np.vstack([points, points[:3]])
    found = page.execute_async_script(COMPONENTS, points.tolist())
    expected = PCA(2).fit(points / 1e160)
    np.testing.assert_allclose(
        np.transpose(found["scores"]) / 1e160, expected.transform(points / 1e160), atol=1e-3
    )
    np.testing.assert_allclose(found["shares"], expected.explained_variance_ratio_, atol=1e-6)


def test_two_dimensions_with_a_path_and_an_entry_for_each_cluster(page: Browser) -> None:
    drawn = draw(page, [[0, 0], [0, 1], [10, 10], [5, 5]], [1, 1, 0, 2])
    assert drawn["name"] == "4 in 3"
    assert [path.count("M") for path in drawn["paths"]] == [1, 2, 1]
    assert drawn["legend"] == ["0: 1", "1: 2", "2: 1"]
    assert drawn["notes"] == ["centres"]
    assert {"0", "2", "10", "coordinate 1", "coordinate 2"} <= set(drawn["texts"])


def test_other_dimensions(page: Browser) -> None:
    line = draw(page, [[1], [2], [9]], [0, 0, 1])
    assert len({path.split()[1] for path in "".join(line["paths"]).split("h0") if path}) == 1
    assert "coordinate 2" not in line["texts"]
    projected = draw(page, [[0, 0, 0], [1, 1, 1], [2, 2, 2], [9, 9, 8]], [0, 0, 0, 1])
    assert projected["notes"] == ["centres", "3 dimensions, 100 %"]
    assert "component 2" in projected["texts"]


def test_points_that_are_not_clustered_yet(page: Browser) -> None:
    drawn = draw(page, [[0, 0], [1, 1]], None)
    assert (drawn["name"], drawn["legend"], drawn["notes"]) == ("2 points", [], [])


def test_many_clusters_of_many_points(page: Browser) -> None:
    count = 10_000
    points = np.random.default_rng(2).normal(size=(count, 2)).tolist()
    drawn = draw(page, points, [max(0, index - 9_000) for index in range(count)])
    assert len(drawn["paths"]) == 1000
    assert len(drawn["legend"]) == 13
    assert (drawn["legend"][0], drawn["legend"][-1]) == ("0: 9001", "and 988 more")


@pytest.mark.parametrize(
    "points",
    [
        [[3, 3], [3, 3]],
        [[1e16, 0], [1e16 + 2, 1e-320]],
        [[1.7e308, -1.7e308], [-1.7e308, 1.7e308]],
        [[1e300, 0, 1], [-1e300, 5, 1], [0, 0, 0]],
        [[1, 1, 1]],
    ],
)
def test_odd_numbers_can_be_drawn(page: Browser, points: list[list[float]]) -> None:
    drawn = draw(page, points, list(range(len(points))))
    for path in drawn["paths"]:
        assert "NaN" not in path
        assert "Infinity" not in path
    assert not {"NaN", "Infinity"} & set(drawn["texts"])
