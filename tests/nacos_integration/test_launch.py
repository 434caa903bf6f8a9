"""Which processes get an agent."""

import sys

import pytest

from nacos_integration.launch import process


@pytest.mark.parametrize(
    ("arguments", "reloader_child", "expected"),
    [
        ("manage.py serve", False, False),
        ("manage.py serve --help", False, False),
        ("manage.py migrate", False, False),
        ("manage.py test", False, False),
        ("manage.py shell", False, False),
        ("manage.py collectstatic --noinput", False, False),
        ("manage.py", False, False),
        ("manage.py runserver", False, False),
        ("manage.py runserver", True, True),
        ("manage.py runserver 8000 --noreload", False, True),
        ("python -c", False, False),
        ("pytest serve", False, False),
    ],
)
def test_by_command(
    monkeypatch: pytest.MonkeyPatch, arguments: str, reloader_child: bool, expected: bool
) -> None:
    monkeypatch.setattr(sys, "argv", arguments.split())
    assert (
        process.should_have_agent(agent_in_parent=False, reloader_child=reloader_child) is expected
    )
    assert not process.should_have_agent(agent_in_parent=True, reloader_child=reloader_child)


def test_by_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["gunicorn", "kmeans_project.wsgi"])
    monkeypatch.setattr(process, "serves_wsgi", True)
    assert process.should_have_agent(agent_in_parent=False, reloader_child=False)
    monkeypatch.setattr(process, "will_fork", True)
    assert not process.should_have_agent(agent_in_parent=False, reloader_child=False)
