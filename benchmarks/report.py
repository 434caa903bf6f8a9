"""Makes tables, charts and the generated parts of docs/performance.md from results."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

from benchmarks import charts
from benchmarks.plan import LARGEST
from benchmarks.results import (
    DRF,
    ECHO,
    FASTAPI,
    FASTAPI_TYPED,
    FIT,
    OURS,
    OWN_PARSE_AND_FIT,
    PARSE_AND_FIT,
    Measured,
    Results,
    Work,
)

COMPARED = (OURS, FASTAPI, FASTAPI_TYPED, DRF, PARSE_AND_FIT)
COMPARED_IN_LATENCY = (OURS, FASTAPI, FASTAPI_TYPED, PARSE_AND_FIT)
# The loop that does only the parsing and fitting of each service; the rest is the framework's cost.
WORK_OF = {OURS: OWN_PARSE_AND_FIT, FASTAPI: PARSE_AND_FIT, DRF: PARSE_AND_FIT, ECHO: None}
FRAMEWORK_CLIENTS = 4
CHART_CLIENTS = 4
# Points, and the least rate over FastAPI's with four clients.
FASTER = ((200, 3.0), (300, 2.0), (1000, 1.8), (3000, 1.5), (10_000, 1.5), (100_000, 2.0))
NONE = "–"


class Run(TypedDict):
    """What is kept of a run."""

    date: str
    processor: str
    values: dict[str, float]


def tables(results: Results, earlier: Sequence[Run] = ()) -> dict[str, str]:
    """Return the tables in Markdown, by the names of their places in the document.

    The targets are shown with the worst values of the `earlier` runs.
    """
    return {
        "facts": _table(["", ""], _facts(results)),
        "targets": _targets_table(list(_targets(results)), earlier),
        "rates": _compared(results, COMPARED, lambda each: _number(each.rate)),
        "latencies": _compared(results, COMPARED_IN_LATENCY, _latency),
        "framework": _framework(results),
        "memory": _memory(results),
        "beside": _beside(results),
    }


def write(results: Results, docs: Path) -> None:
    """Renew the tables of `performance.md` and its charts in `images`, and keep the ratios.

    `performance-runs.json` has the date, the processor and the targets' values of each run.
    """
    document, kept = docs / "performance.md", docs / "performance-runs.json"
    text = document.read_text()
    earlier: list[Run] = json.loads(kept.read_text()) if kept.exists() else []
    values = {each.name: round(each.value, 3) for each in _targets(results) if each.value}
    run = Run(date=results.facts["date"], processor=results.facts["processor"], values=values)
    kept.write_text(json.dumps([*earlier, run], indent=1) + "\n")
    for name, table in tables(results, earlier).items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found and found_end):
            raise ValueError(f"{document.name} has no place for {name}")
        text = f"{before}{begin}{table}\n{end}{after}"
    document.write_text(text)
    (docs / "images").mkdir(exist_ok=True)
    for name, chart in _charts(results).items():
        (docs / "images" / f"{name}.svg").write_text(chart)


def _facts(results: Results) -> Iterator[Sequence[str]]:
    yield from results.facts.items()
    shares = [
        each.generator_seconds / each.wall_seconds
        for (_, name), measured in results.measured.items()
        for each in measured.rounds
        if name == OURS
    ]
    yield "load generator", f"at most {100 * max(shares):.0f} % of a core"
    others: Counter[str] = Counter()
    for (_, name), each in results.measured.items():
        others.update({f"{name}: {outcome}": n for outcome, n in each.others.items()})
    for name, found in results.beside.items():
        for each in (found.alone, found.beside, found.large):
            others.update({f"{name}: {outcome}": n for outcome, n in each.others.items()})
    yield "wrong responses", ", ".join(f"{n} × {what}" for what, n in others.items()) or "none"


class _Target(NamedTuple):
    name: str
    # None where it was not measured.
    value: float | None
    bound: float
    unit: str = "×"
    at_least: bool = False

    def row(self, earlier: Sequence[Run]) -> Sequence[str]:
        """Return the target, its value, the worst of all runs, and whether all meet it."""
        name = f"{self.name} {'≥' if self.at_least else '≤'} {_number(self.bound)}{self.unit}"
        if self.value is None:
            return name, "not measured", NONE, NONE
        worst_of = min if self.at_least else max
        values = (run["values"].get(self.name, self.value) for run in earlier)
        worst = worst_of([self.value, *values])
        is_met = worst >= self.bound if self.at_least else worst <= self.bound
        value, worst_value = (f"{_number(each)}{self.unit}" for each in (self.value, worst))
        return name, value, worst_value, "yes" if is_met else "**no**"


def _targets_table(targets: Sequence[_Target], earlier: Sequence[Run]) -> str:
    titles = ["target", "this run", f"worst of {len(earlier) + 1} runs", "met?"]
    return _table(titles, (each.row(earlier) for each in targets))


def _targets(results: Results) -> Iterator[_Target]:
    for clients, bound in ((4, 4), (32, 4)):
        what = f"9 points, {clients} clients"
        yield _faster(results, 9, clients, bound)
        ours, peers = results.get(9, clients, OURS), _fastapi(results, 9, clients)
        p99 = min((each.milliseconds(99) for each in peers), default=None)
        ratio = ours.milliseconds(99) / p99 if ours and p99 else None
        yield _Target(f"{what}: p99 / FastAPI's", ratio, 1 / 3)
    for points, ratio_bound in FASTER:
        yield _faster(results, points, 4, ratio_bound)
    ours, fit = (results.get(9, 1, name) for name in (OURS, FIT))
    yield _Target("9 points, 1 client: p50 / that of fit", _p(50, ours, fit), 1)
    ours, floor = (results.get(100_000, 1, name) for name in (OURS, PARSE_AND_FIT))
    what = "100,000 points, 1 client: p50 / that of parse + fit"
    yield _Target(what, _p(50, ours, floor), 1.15)
    memory = results.memory.get((LARGEST, OURS))
    growth = memory.growth_in_bodies if memory and results.get(LARGEST.points, 1, OURS) else None
    yield _Target("1,000,000 points: memory growth / body size", growth, 6)
    found = results.beside.get(OURS)
    ratio = _p(99, found.beside, found.alone) if found else None
    yield _Target("9 points beside 1,000,000: p99 / that alone", ratio, 2)
    cost = _framework_milliseconds(results, OURS)
    yield _Target("CPU per request without parse and fit", cost, 0.8, " ms")
    # Those 0.8 ms are for a machine on which the echo takes 0.54.
    echo = _framework_milliseconds(results, ECHO)
    yield _Target("the same / that of DRF echo", cost / echo if cost and echo else None, 1.48)


def _faster(results: Results, points: int, clients: int, bound: float) -> _Target:
    """Return the target for the median rate over that of FastAPI's better variant."""
    ours, peers = results.get(points, clients, OURS), _fastapi(results, points, clients)
    rate = max((each.rate for each in peers), default=None)
    ratio = ours.rate / rate if ours and rate else None
    what = f"{points:,} points, {clients} clients: rate / FastAPI's"
    return _Target(what, ratio, bound, at_least=True)


def _fastapi(results: Results, points: int, clients: int) -> list[Measured]:
    found = (results.get(points, clients, name) for name in (FASTAPI, FASTAPI_TYPED))
    return [each for each in found if each]


def _p(percentile: int, one: Measured | None, other: Measured | None) -> float | None:
    """Return how many times as long the requests of one took."""
    if not (one and other and one.requests and other.requests):
        return None
    return one.milliseconds(percentile) / other.milliseconds(percentile)


def _framework_milliseconds(results: Results, name: str) -> float | None:
    whole = results.get(9, FRAMEWORK_CLIENTS, name)
    if (work_name := WORK_OF[name]) is None:
        return whole.cpu_milliseconds if whole else None
    work = results.get(9, FRAMEWORK_CLIENTS, work_name)
    return whole.cpu_milliseconds - work.cpu_milliseconds if whole and work else None


def _compared(results: Results, names: Sequence[str], cell: Callable[[Measured], str]) -> str:
    """Return a table with a row for each work and a column for each service."""
    rows = []
    for work in dict.fromkeys(work for work, _ in results.measured):
        found = (results.measured.get((work, name)) for name in names)
        cells = (cell(each) if each and each.requests else NONE for each in found)
        rows.append([_points(work), str(work.clients), *cells])
    return _table(["points", "clients", *names], rows)


def _points(work: Work) -> str:
    return f"{work.points:,}" + (f" × {work.dimensions}" if work.dimensions != 2 else "")


def _latency(each: Measured) -> str:
    return f"{_number(each.milliseconds(50))} / {_number(each.milliseconds(99))}"


def _framework(results: Results) -> str:
    rows = []
    for name, work_name in WORK_OF.items():
        whole = results.get(9, FRAMEWORK_CLIENTS, name)
        work = results.get(9, FRAMEWORK_CLIENTS, work_name) if work_name else None
        if whole:
            rows.append([
                name,
                _number(whole.cpu_milliseconds),
                f"{_number(work.cpu_milliseconds)} ({work_name})" if work else NONE,
                _number(_framework_milliseconds(results, name)),
            ])  # fmt: skip
    return _table(["service", "CPU ms", "parse and fit", "the rest"], rows)


def _memory(results: Results) -> str:
    rows = [
        [
            _points(work),
            name,
            _megabytes(memory.body_bytes),
            _megabytes(memory.peak_bytes),
            _megabytes(memory.growth_bytes),
            _number(memory.growth_in_bodies),
        ]
        for (work, name), memory in results.memory.items()
        # FastAPI, typed, is served by the same processes as FastAPI.
        if work.clients == 1 and name != FASTAPI_TYPED
    ]
    titles = ["points", "service", "body MB", "peak MB", "growth MB", "growth / body"]
    return _table(titles, rows)


def _beside(results: Results) -> str:
    rows = []
    for name, found in results.beside.items():
        for what, each in (("alone", found.alone), ("beside", found.beside)):
            rows.append(
                [
                    name,
                    what,
                    str(each.requests),
                    _number(each.milliseconds(50)),
                    _number(each.milliseconds(99)),
                    _number(each.milliseconds(100)),
                ]
            )
    titles = ["service", "requests", "answers", "p50 ms", "p99 ms", "max ms"]
    return _table(titles, rows)


def _charts(results: Results) -> dict[str, str]:
    found = {}
    series = {}
    for name in (OURS, FASTAPI, FASTAPI_TYPED, DRF, PARSE_AND_FIT):
        sizes = sorted(
            work.points
            for work, who in results.measured
            if who == name and (work.dimensions, work.clients) == (2, CHART_CLIENTS)
        )
        line: list[tuple[float, float]] = [
            (points, each.rate)
            for points in sizes
            if (each := results.get(points, CHART_CLIENTS, name))
        ]
        if line:
            series[name] = line
    if series:
        found["requests-by-points"] = charts.lines(
            "Requests per second, by points",
            f"{CHART_CLIENTS} clients post points of two dimensions. " + _spoken(series),
            f"points a request ({CHART_CLIENTS} clients; both axes are logarithmic)",
            series,
        )
    ratios: dict[str, list[float]] = {"p50": [], "p99": []}
    groups = []
    for clients in sorted({work.clients for work, _ in results.measured if work.points == 9}):
        ours, peers = results.get(9, clients, OURS), _fastapi(results, 9, clients)
        if ours and peers:
            groups.append(str(clients))
            for percentile in (50, 99):
                peer = min(each.milliseconds(percentile) for each in peers)
                ratios[f"p{percentile}"].append(peer / ours.milliseconds(percentile))
    if groups:
        spoken = {name: list(zip(groups, each, strict=True)) for name, each in ratios.items()}
        found["latency-by-clients"] = charts.bars(
            f"{FASTAPI}'s latency over {OURS}'s, by clients",
            f"For nine points. {_spoken(spoken)}",
            f"clients (9 points; 2 means that {FASTAPI} takes twice as long)",
            groups,
            ratios,
        )
    return found


def _spoken(
    series: "dict[str, list[tuple[float, float]]] | dict[str, list[tuple[str, float]]]",
) -> str:
    return " ".join(
        f"{name}: " + ", ".join(f"{y:.3g} at {x}" for x, y in line) + "."
        for name, line in series.items()
    )


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(value: float | None) -> str:
    """Return three digits that count."""
    if value is None:
        return NONE
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def _megabytes(size: int) -> str:
    return _number(size / 1e6)
