"""The agent reads and replaces the config text for other processes."""

import threading
import time
from pathlib import Path

import pytest
from django.conf import settings

from nacos_integration import conf
from nacos_integration.agent.sources import FileSource
from nacos_integration.errors import ConflictError, NotAllowedError
from nacos_integration.live_config import md5_of
from nacos_integration.state import files, publishing, status
from nacos_integration.state.publishing import PublishingError
from tests.conftest import Configure


def publish(text: str, replaces: str) -> None:
    publishing.publish(text, replaces_md5=md5_of(replaces), user="ada", text_type="yaml")


def test_what_is_published_is_in_force(configure: Configure) -> None:
    configure("# mine\nclusters: 3\n")
    assert publishing.read_text() == "# mine\nclusters: 3\n"
    publish("# mine\nclusters: 8\n", "# mine\nclusters: 3\n")
    assert publishing.read_text() == "# mine\nclusters: 8\n"
    configure("clusters: 3\n")
    agent_files = {path.name.partition("-")[0] for path in conf.load().agent_dir.iterdir()}
    assert not agent_files & {"question", "answer"}, "left behind"


def test_what_somebody_else_changed_is_not_overwritten(configure: Configure) -> None:
    configure("clusters: 5\n")
    with pytest.raises(PublishingError) as caught:
        publish("clusters: 8\n", "clusters: 3\n")
    assert caught.value.code == "conflict"
    assert publishing.read_text() == "clusters: 5\n"


def test_of_two_at_once_one_wins(configure: Configure) -> None:
    configure("clusters: 3\n")
    outcomes: list[str] = []

    def attempt(clusters: int) -> None:
        try:
            publish(f"clusters: {clusters}\n", "clusters: 3\n")
            outcomes.append("published")
        except PublishingError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=attempt, args=(clusters,)) for clusters in (4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict", "published"]


def test_without_an_agent_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = settings.NACOS | {"state_dir": tmp_path}
    conf.load.cache_clear()
    monkeypatch.setattr(settings, "NACOS", elsewhere)
    try:
        assert not status.is_agent_running()
        with pytest.raises(PublishingError) as caught:
            publishing.read_text()
    finally:
        monkeypatch.undo()
        conf.load.cache_clear()
    assert caught.value.code == "no-agent"


def test_what_a_dead_agent_was_asked_is_not_done_later(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("clusters: 3\n")
    question = {
        "what": "publish", "text": "clusters: 4\n", "replaces_md5": md5_of("clusters: 3\n"),
        "user": "ada", "text_type": "yaml", "asked_at": time.time() - publishing.ANSWER_SECONDS,
    }  # fmt: skip
    files.write_json(tmp_path / "question-1.json", question)
    assert publishing.answer_requests(tmp_path, FileSource(path)) == {}
    assert path.read_text() == "clusters: 3\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.yaml"]


def test_the_user_of_what_is_published_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("clusters: 3\n")
    for number, replaced in enumerate(("clusters: 3\n", "clusters: 9\n"), start=4):
        question = {
            "what": "publish", "text": f"clusters: {number}\n", "replaces_md5": md5_of(replaced),
            "user": f"user {number}", "text_type": "yaml", "asked_at": time.time(),
        }  # fmt: skip
        files.write_json(tmp_path / f"question-{number}.json", question)
    published = publishing.answer_requests(tmp_path, FileSource(path))
    assert published == {md5_of("clusters: 4\n"): "user 4"}


def test_a_file_keeps_its_mode_and_a_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_bytes(b"clusters: 3\r\n")
    real.chmod(0o640)
    link.symlink_to(real)
    source = FileSource(link)
    text = "clusters: 4\r\n"
    source.publish(text, replaces_md5=md5_of("clusters: 3\r\n"), user="", text_type="yaml")
    assert link.is_symlink()
    assert real.read_bytes() == text.encode()
    assert real.stat().st_mode & 0o777 == 0o640
    with pytest.raises(ConflictError):
        source.publish("clusters: 5\n", replaces_md5=md5_of(""), user="", text_type="yaml")


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "no folder" / "config.yaml")
    with pytest.raises(NotAllowedError, match="No such file"):
        source.publish("clusters: 5\n", replaces_md5=md5_of(""), user="", text_type="yaml")
