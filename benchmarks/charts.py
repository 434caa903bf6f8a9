"""Charts as plain SVG, readable on light and on dark pages."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 50, 60
COLOURS = ("#1098ad", "#e8590c", "#f59f00", "#845ef7", "#868e96")
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #212529 }
  .title { font-weight: 600; font-size: 15px }
  .grid { stroke: #adb5bd; stroke-opacity: .5 }
  @media (prefers-color-scheme: dark) { text { fill: #e9ecef } }
"""

Place = Callable[[float], float]


def lines(
    title: str, description: str, x_title: str, series: Mapping[str, Sequence[tuple[float, float]]]
) -> str:
    """Return a chart of lines, with both axes logarithmic; each line has (x, y), all positive."""
    points = [point for line in series.values() for point in line]
    xs = sorted({x for x, _ in points})
    low, high = (math.floor, math.ceil)
    bottom = low(math.log10(min(y for _, y in points)))
    top = max(bottom + 1, high(math.log10(max(y for _, y in points))))
    across = _scale(math.log10(xs[0]), math.log10(xs[-1]), LEFT, WIDTH - RIGHT)
    up = _scale(bottom, top, HEIGHT - BOTTOM, TOP)
    parts = [_grid(up(power), f"{10.0**power:,g}") for power in range(bottom, top + 1)]
    parts += [_text(across(math.log10(x)), HEIGHT - BOTTOM + 20, f"{x:,g}", "middle") for x in xs]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 15, x_title, "middle"))
    for i, (name, line) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [(across(math.log10(x)), up(math.log10(y))) for x, y in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        parts.append(_legend(i, name, colour))
    return _document(title, description, parts)


def bars(
    title: str,
    description: str,
    x_title: str,
    groups: Sequence[str],
    series: Mapping[str, Sequence[float]],
) -> str:
    """Return a chart of bars, side by side for each group; each series has a value for each."""
    highest = max(value for values in series.values() for value in values)
    step = _step(highest)
    top = math.ceil(highest / step)
    up = _scale(0, top * step, HEIGHT - BOTTOM, TOP)
    parts = [_grid(up(i * step), f"{i * step:g}") for i in range(top + 1)]
    group_width = (WIDTH - LEFT - RIGHT) / len(groups)
    width = 0.8 * group_width / len(series)
    for j, group in enumerate(groups):
        middle = LEFT + (j + 0.5) * group_width
        parts.append(_text(middle, HEIGHT - BOTTOM + 20, group, "middle"))
        for i, values in enumerate(series.values()):
            x, y = middle + (i - len(series) / 2) * width, up(values[j])
            colour = COLOURS[i % len(COLOURS)]
            parts.append(
                f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{width - 2:.1f}"'
                f' height="{HEIGHT - BOTTOM - y:.1f}" fill="{colour}"/>'
            )
            parts.append(_text(x + width / 2, y - 5, f"{values[j]:.1f}", "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 15, x_title, "middle"))
    parts += [_legend(i, name, COLOURS[i % len(COLOURS)]) for i, name in enumerate(series)]
    return _document(title, description, parts)


def _scale(low: float, high: float, first: float, last: float) -> Place:
    span = high - low or 1.0
    return lambda value: first + (value - low) / span * (last - first)


def _step(highest: float) -> float:
    """Return a round number of which four to ten make up `highest`."""
    power = 10.0 ** math.floor(math.log10(highest))
    return power / 5 if highest < 2 * power else power / 2 if highest < 5 * power else power


def _grid(y: float, label: str) -> str:
    line = f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return line + _text(LEFT - 8, y + 4, label, "end")


def _text(x: float, y: float, content: str, anchor: str, kind: str = "") -> str:
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(content)}</text>'


def _legend(i: int, name: str, colour: str) -> str:
    x, y = WIDTH - RIGHT + 16, TOP + 10 + 24 * i
    square = f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour}"/>'
    return square + _text(x + 18, y + 1, name, "start")


def _document(title: str, description: str, parts: Sequence[str]) -> str:
    content = "\n".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" \
role="img" aria-labelledby="title description">
<title id="title">{escape(title)}</title>
<desc id="description">{escape(description)}</desc>
<style>{_STYLE}</style>
{_text(LEFT, 24, title, "start", "title")}
{content}
</svg>
"""
