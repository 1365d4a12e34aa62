"""The picture of expert iteration on proofs: what a loop's rounds changed, with intervals, as an SVG file.

    rollmill loop recipes/loops/proofs.yaml
    python benchmarks/verifiers/proof_rounds.py reports/prove/loop.json docs/pictures/proof_rounds.svg

Points are pass@1 and pass@k on theorems that no round trains on, with the report's intervals over theorems.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 620, 300, 60, 130, 24, 44
_SERIES = (("pass@1", "#0550ae", -5), ("pass@k", "#bc4c00", 5))


def picture(outcome: Row) -> str:
    """The rounds of a loop's report."""
    rows: list[Row] = [outcome["before"], *outcome["rounds"]]
    k = outcome["before"]["k"]
    last = max(1, len(rows) - 1)
    title = f"pass@1 and pass@{k} after each round on {outcome['before']['problems']} unseen theorems"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="system-ui, sans-serif" '
        f'font-size="13" role="img" aria-label="{title}">',
        f'  <rect width="{_WIDTH}" height="{_HEIGHT}" rx="10" fill="#f6f8fa"/>',
        *(_rule(value / 4) for value in range(5)),
        *(_label(_x(number, last), _HEIGHT - 22, str(number)) for number in range(len(rows))),
        _label((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, "round"),
    ]
    for name, colour, shift in _SERIES:
        points = [(_x(number, last) + shift, row) for number, row in enumerate(rows)]
        parts += _series(points, name, colour)
        at = _y(float(rows[-1][name])) + 4 + (9 if name == "pass@1" else -9)
        parts.append(_label(_WIDTH - _RIGHT + 20, at, name.replace("k", str(k)), colour, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _series(points: Sequence[tuple[float, Row]], name: str, colour: str) -> list[str]:
    line = " ".join(f"{x:.1f},{_y(row[name]):.1f}" for x, row in points)
    drawn = [f'  <polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for x, row in points:
        low, high = _y(row[f"{name} low"]), _y(row[f"{name} high"])
        drawn.append(f'  <path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{colour}"/>')
        drawn.append(f'  <circle cx="{x:.1f}" cy="{_y(row[name]):.1f}" r="4" fill="{colour}"/>')
    return drawn


def _rule(value: float) -> str:
    y = _y(value)
    line = f'  <path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#d0d7de"/>'
    return f"{line}\n{_label(_LEFT - 8, y + 4, f'{value:.2f}', anchor='end')}"


def _label(x: float, y: float, text: str, colour: str = "#57606a", anchor: str = "middle") -> str:
    return f'  <text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{text}</text>'


def _x(number: int, last: int) -> float:
    return _LEFT + 20 + number * (_WIDTH - _LEFT - _RIGHT - 40) / last


def _y(value: float) -> float:
    return _TOP + (1 - value) * (_HEIGHT - _TOP - _BOTTOM)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(picture(json.loads(Path(sys.argv[1]).read_text())))
