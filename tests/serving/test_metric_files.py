"""prometheus_client's private parts are used as its one tested release has them."""

import resource
from importlib.metadata import version
from pathlib import Path

from prometheus_client.mmap_dict import _INITIAL_MMAP_SIZE, MmapedDict

from serving.gunicorn import metric_files


def test_the_release_is_the_one_that_the_file_is_for() -> None:
    assert version("prometheus_client") == metric_files.RELEASE, (
        "serving/gunicorn/metric_files.py was written for prometheus_client "
        f"{metric_files.RELEASE}: check each row of its table against the installed release, then "
        "change RELEASE"
    )


def written(path: Path) -> dict[str, float]:
    return {key: value for key, value, *_ in MmapedDict.read_all_values_from_file(path)}


def test_space_is_taken_before_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "counter_1.db"
    counts = metric_files.ReservedDict(str(path))
    for number in range(1000):
        counts.write_value(f"{number:0200}", number, 0.0)
    assert path.stat().st_size > _INITIAL_MMAP_SIZE
    assert path.stat().st_blocks * 512 >= path.stat().st_size
    counts.close()
    again = metric_files.ReservedDict(str(path))
    assert again.read_value(f"{7:0200}") == (7.0, 0.0)
    again.close()
    assert len(written(path)) == 1000


def test_without_space_to_grow_counting_goes_on_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "counter_1.db"
    counts = metric_files.ReservedDict(str(path))
    counts.write_value("a", 1.0, 0.0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_INITIAL_MMAP_SIZE, limits[1]))
    try:
        for number in range(250):
            counts.write_value(f"{number:0200}", number, 0.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert counts.read_value("a") == (1.0, 0.0)
    assert counts.read_value(f"{249:0200}") == (249.0, 0.0)
    assert written(path)["a"] == 1.0
    counts.close()


def test_without_any_space_there_is_no_file(tmp_path: Path) -> None:
    counts = metric_files.ReservedDict(str(tmp_path / "missing" / "counter_1.db"))
    counts.write_value("a", 1.0, 0.0)
    assert counts.read_value("a") == (1.0, 0.0)
    counts.close()
