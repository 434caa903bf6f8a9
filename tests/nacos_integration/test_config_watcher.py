"""Judging a config file: what gets in force, what is kept out, and what is on record."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clustering.config.parameters import Parameters
from nacos_integration import conf, live_config
from nacos_integration.agent import applied_file
from nacos_integration.agent.config_watcher import ConfigWatcher
from nacos_integration.agent.sources import FileSource
from nacos_integration.models import ConfigChange
from nacos_integration.reasons import MAX_BYTES
from nacos_integration.state.status import Status


class Setup:
    """A watcher on a file of its own, and what it recorded."""

    def __init__(self, folder: Path) -> None:
        self.conf = replace(
            conf.load(),
            config_file=str(folder / "config.yaml"),
            state_dir=folder / "state",
            sync_timeout_seconds=0.3,
        )
        self.file = Path(self.conf.config_file)
        self.rows: list[ConfigChange] = []
        self.restart()

    def restart(self) -> None:
        self.source = FileSource(self.file)
        self.watcher = ConfigWatcher(
            self.conf, self.source, Status(self.conf, "10.0.0.5:9999"), self.rows.append
        )

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(row.outcome, row.after) for row in self.rows]

    @property
    def clusters(self) -> int:
        return live_config.current(Parameters).value.clusters

    def status(self) -> dict[str, object]:
        content = json.loads((self.conf.agent_dir / "status.json").read_text())
        config: dict[str, object] = content["config"]
        return config


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    made = Setup(tmp_path)
    monkeypatch.setattr(conf, "load", lambda: made.conf)
    yield made
    monkeypatch.undo()
    live_config._last = None


def test_without_a_config_the_default_is_in_force(setup: Setup) -> None:
    assert setup.watcher.sync() is None
    assert setup.clusters == 3
    assert live_config.current(Parameters).source == "default"
    assert [row.outcome for row in setup.rows] == ["rejected"]
    assert "there is no config" in setup.rows[0].reason


def test_a_good_config_gets_in_force_and_on_record(setup: Setup) -> None:
    setup.file.write_text("clusters: 5\n")
    setup.watcher.sync()
    applied = live_config.current(Parameters)
    assert (applied.value.clusters, applied.source) == (5, "file")
    assert applied.md5 == live_config.md5_of("clusters: 5\n")
    setup.file.write_text("clusters: 6\nother: 1\n")
    setup.watcher.sync()
    assert setup.clusters == 6
    assert [(row.before, row.after) for row in setup.rows] == [
        ("", "clusters: 5\n"),
        ("clusters: 5\n", "clusters: 6\nother: 1\n"),
    ]
    assert setup.rows[1].reason == "unknown keys ignored: other"
    assert setup.status()["md5"] == live_config.md5_of("clusters: 6\nother: 1\n")


def test_who_published_a_config_here_is_on_record(setup: Setup) -> None:
    for text, user in (("clusters: 5\n", "ada"), ("clusters: 6\n", "bob")):
        setup.watcher.expect(live_config.md5_of(text), user)
    # Somebody else was faster.
    setup.file.write_text("clusters: 6\n")
    setup.watcher.sync()
    setup.file.write_text("clusters: 5\n")
    setup.watcher.sync()
    assert [(row.after, row.published_by) for row in setup.rows] == [
        ("clusters: 6\n", "bob"),
        ("clusters: 5\n", ""),
    ]


BAD: list[tuple[Callable[[Path], object], str]] = [
    (lambda file: file.write_text("clusters: 0"), "from 1 to 1000"),
    (lambda file: file.write_text("clusters: ["), "not valid YAML"),
    (lambda file: file.write_text(""), "is empty"),
    (lambda file: file.write_text(" \n"), "is empty"),
    (lambda file: file.unlink(), "there is no config"),
    (lambda file: file.write_text("clusters: 4 #" + "x" * MAX_BYTES), "too large"),
    (lambda file: file.write_bytes(b"clusters: 4 # \xff"), "not UTF-8"),
]


@pytest.mark.parametrize(("spoil", "reason"), BAD)
def test_a_bad_config_leaves_the_last_good_one_in_force(
    setup: Setup, spoil: Callable[[Path], object], reason: str
) -> None:
    setup.file.write_text("clusters: 5")
    setup.watcher.sync()
    spoil(setup.file)
    for _ in range(2):  # said once, however often it is read
        setup.watcher.sync()
        assert setup.clusters == 5
    setup.restart()
    assert setup.clusters == 5
    assert [row.outcome for row in setup.rows] == ["applied", "rejected"]
    assert reason in setup.rows[1].reason
    setup.watcher.sync()
    assert reason in str(setup.status()["rejected"])
    setup.file.write_text("clusters: 5")
    setup.watcher.sync()
    assert setup.status()["rejected"] is None
    assert setup.clusters == 5


def test_a_config_that_never_existed_is_missing_and_not_rejected(setup: Setup) -> None:
    setup.conf = replace(
        setup.conf,
        server_addr=("nacos:8848",),
        data_id="never",
        config_namespace="blue",
        config_group="CONFIGS",
    )
    setup.restart()
    missing = "namespace blue has no data id never in group CONFIGS: create it"
    for _ in range(2):  # created, and deleted before it was ever good
        setup.watcher.sync()
        assert (setup.status()["missing"], setup.status().get("rejected")) == (missing, None)
        setup.file.write_text("clusters: 0")
        setup.watcher.sync()
        assert setup.status()["missing"] is None
        assert "from 1 to 1000" in str(setup.status()["rejected"])
        setup.file.unlink()


def test_an_unreadable_source_is_not_an_empty_one(setup: Setup) -> None:
    setup.file.write_text("clusters: 5")
    setup.watcher.sync()
    setup.restart()
    setup.file.unlink()
    setup.file.mkdir()
    assert setup.watcher.sync() == 0.5
    time.sleep(0.3)
    assert setup.watcher.sync() == 1.0
    assert setup.clusters == 5
    assert setup.status()["synced_at"] is None
    assert [(row.outcome, row.source) for row in setup.rows[1:]] == [("applied", "snapshot")]
    assert "config.yaml" in setup.rows[1].reason


def test_a_handler_that_fails_is_a_rejection(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(cls: type, text: str) -> None:
        raise ZeroDivisionError("oops")

    setup.file.write_text("clusters: 5")
    monkeypatch.setattr(Parameters, "parse", classmethod(fail))
    setup.watcher.sync()
    assert "the handler failed: ZeroDivisionError: oops" in setup.rows[0].reason


def test_a_full_disk_leaves_the_last_good_one_in_force(setup: Setup) -> None:
    setup.file.write_text("clusters: 5")
    setup.watcher.sync()
    folder = setup.conf.applied_path.parent
    folder.rename(folder.with_name("away"))
    folder.write_text("a file where a folder should be cannot be written into")
    setup.file.write_text("clusters: 6")
    setup.watcher.sync()
    assert setup.status()["write_error"]
    folder.unlink()
    folder.with_name("away").rename(folder)
    assert setup.clusters == 5
    setup.watcher.sync()
    assert setup.clusters == 6
    assert setup.status()["write_error"] is None


def writing(**values: object) -> Callable[[Path], object]:
    """Return a function that replaces values in the file."""
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | values))


def as_folder(path: Path) -> None:
    path.unlink()
    (path / "within").mkdir(parents=True)


def without_its_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


DAMAGES: list[Callable[[Path], object]] = [
    lambda path: path.write_text(path.read_text()[:30]),
    lambda path: path.write_text(""),
    lambda path: path.write_text("{}"),
    lambda path: path.write_text("[]"),
    lambda path: path.write_text("[" * 100_000),
    lambda path: path.write_bytes(b"\xff" * 100),
    writing(content="clusters: 8"),
    writing(content=7),
    writing(content="\ud800"),
    writing(md5=7),
    writing(md5="0" * 32),
    writing(source=[]),
    writing(applied_at="now"),
    writing(applied_at=float("nan")),
    lambda path: path.unlink(),
    as_folder,
    without_its_folder,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_applied_file_is_repaired_and_its_value_kept(
    setup: Setup, damage: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applied_file, "CHECK_SECONDS", 0.0)
    path = setup.conf.applied_path
    setup.file.write_text("clusters: 5")
    setup.watcher.sync()
    before = json.loads(path.read_text())
    assert setup.clusters == 5
    assert live_config.file_error(Parameters) is None
    damage(path)
    assert setup.clusters == 5
    assert str(path) in str(live_config.file_error(Parameters))
    setup.watcher.repair()
    assert setup.status()["file_error"] is None
    assert json.loads(path.read_text()) == before
    assert setup.clusters == 5
    assert live_config.file_error(Parameters) is None
    # Also after that, as usual.
    setup.file.write_text("clusters: 6")
    setup.watcher.sync()
    assert setup.clusters == 6
    assert [row.outcome for row in setup.rows] == ["applied", "applied"]


def test_a_file_that_cannot_be_repaired_is_reported_until_it_is(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(applied_file, "CHECK_SECONDS", 0.0)
    setup.file.write_text("clusters: 5")
    setup.watcher.sync()
    assert setup.clusters == 5
    folder = setup.conf.applied_path.parent
    shutil.rmtree(folder)
    folder.write_text("a file where a folder should be cannot be written into")
    caplog.clear()
    for _ in range(3):
        setup.watcher.repair()
    logged = [each for each in caplog.messages if each.startswith("config: ")]
    assert len(logged) == 2, "reported again and again"
    assert "cannot be written" in str(setup.status()["file_error"])
    assert setup.clusters == 5
    folder.unlink()
    setup.watcher.repair()
    assert setup.status()["file_error"] is None
    assert live_config.file_error(Parameters) is None


def test_at_a_start_a_damaged_applied_file_is_as_none(setup: Setup) -> None:
    setup.file.write_text("clusters: 5")
    setup.watcher.sync()
    setup.conf.applied_path.write_text('{"content": "clus')
    live_config._last = None
    assert setup.clusters == 3
    setup.restart()
    assert setup.status()["md5"] is None
    setup.watcher.sync()
    assert setup.clusters == 5


def test_a_process_without_a_value_waits_for_the_repair(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applied_file, "CHECK_SECONDS", 0.0)
    setup.file.write_text("clusters: 5")
    setup.watcher.sync()
    setup.conf.applied_path.write_text("{}")
    live_config._last = None
    monkeypatch.setattr(live_config, "_synced", False)
    monkeypatch.setattr(live_config, "_deadline", time.monotonic() + 60)
    assert not live_config.is_synced()
    setup.watcher.repair()
    assert live_config.is_synced()
    assert setup.clusters == 5


def test_a_process_without_a_value_starts_when_nobody_repairs_the_file(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.file.write_text("clusters: 5")
    setup.watcher.sync()
    setup.conf.applied_path.write_text("{}")
    live_config._last = None
    monkeypatch.setattr(live_config, "_synced", False)
    monkeypatch.setattr(live_config, "_deadline", None)
    assert not live_config.is_synced()
    time.sleep(setup.conf.sync_timeout_seconds)
    assert live_config.is_synced()
    assert setup.clusters == 3
    assert live_config.file_error(Parameters)


def test_an_applied_text_that_is_not_accepted_any_more_gives_the_default(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings

    setup.file.write_text("clusters: 50")
    setup.watcher.sync()
    monkeypatch.setattr(settings, "KMEANS_MAX_CLUSTERS", 10)
    live_config._last = None
    assert setup.clusters == 3
    setup.restart()
    assert setup.status()["in_force"] == "default"
    setup.watcher.sync()
    assert "from 1 to 10" in str(setup.status()["rejected"])


def test_the_file_counts_once_it_has_stood_still(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that pauses in the middle never gets its half into force."""
    # Far longer than the pauses, so that a busy machine cannot make one of them as long.
    monkeypatch.setattr(FileSource, "SETTLE_SECONDS", 1.0)
    monkeypatch.setattr(FileSource, "SETTLE_LIMIT_SECONDS", 20.0)
    setup.file.write_text("clusters: 5")
    setup.watcher.sync()

    def write_slowly() -> None:
        with setup.file.open("w") as file:
            for piece in ("clusters", ": ", "7", "\nother: ", "1\n"):
                file.write(piece)
                file.flush()
                os.fsync(file.fileno())
                time.sleep(0.05)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    time.sleep(0.02)
    setup.watcher.sync()
    writer.join()
    assert setup.outcomes == [("applied", "clusters: 5"), ("applied", "clusters: 7\nother: 1\n")]


def test_wait_ends_with_a_change_a_wake_or_the_time(setup: Setup) -> None:
    setup.file.write_text("clusters: 5")
    setup.watcher.sync()

    def seconds(timeout: float) -> float:
        started = time.monotonic()
        setup.source.wait(timeout)
        return time.monotonic() - started

    assert seconds(0.3) >= 0.3
    threading.Timer(0.2, lambda: setup.file.write_text("clusters: 6")).start()
    assert seconds(10) < 5
    setup.watcher.sync()
    assert setup.clusters == 6
    threading.Timer(0.2, setup.source.wake).start()
    assert seconds(10) < 5
