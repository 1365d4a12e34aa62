"""Bars as inline SVG: the funnel, pass rates with intervals, level shares. Knows facts of the gate and nothing else."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pipelines.metrics import NOTHING

_WIDTH, _LEFT, _RIGHT, _ROW = 720, 190, 150, 26
_PLOT = _WIDTH - _LEFT - _RIGHT


def funnel_bars(funnel: Mapping[str, Any]) -> str:
    """Drawn rollouts by outcome, kept ones, and dropped ones by reason, all on one scale."""
    drawn = max(funnel["drawn"], 1)
    outcomes = funnel["outcomes"]
    rows = [("drawn", funnel["drawn"], "a")]
    rows += [(name, outcomes[name], kind) for name, kind in zip(outcomes, ("good", "bad", "warn", "none"), strict=True)]
    rows += [("kept", funnel["kept"], "good")]
    rows += [(f"dropped: {reason}", count, "none") for reason, count in funnel["dropped_by_reason"].items()]
    bars = [_bar(index, label, count / drawn, f"{count:,}", kind) for index, (label, count, kind) in enumerate(rows)]
    return _svg("".join(bars), len(rows), "Rollouts from drawn to kept")


def level_bars(levels: Sequence[Mapping[str, Any]]) -> str:
    """One bar per level: mean pass rate with its interval as a whisker."""
    bars = []
    for index, entry in enumerate(levels):
        if entry["rate"] is None:
            bars.append(_bar(index, _level(entry), 0.0, NOTHING, "none"))
            continue
        note = f"{entry['rate']:.2f} [{entry['low']:.2f}, {entry['high']:.2f}]"
        bars.append(_bar(index, _level(entry), entry["rate"], note, "a") + _whisker(index, entry["low"], entry["high"]))
    return _svg("".join(bars), len(levels), "Pass rate by level")


def share_bars(levels: Sequence[Mapping[str, Any]]) -> str:
    """Two bars per level: its share of the rollouts before selection, and of the kept ones."""
    total = sum(entry["rollouts"] for entry in levels)
    bars = []
    for index, entry in enumerate(levels):
        before = entry["rollouts"] / total if total else 0.0
        after = entry["kept_share"] or 0.0
        bars.append(_bar(2 * index, f"{_level(entry)}, drawn", before, f"{before:.1%}", "none"))
        bars.append(_bar(2 * index + 1, "kept", after, f"{after:.1%} ({entry['kept']:,})", "good"))
    return _svg("".join(bars), 2 * len(levels), "Share of each level before and after selection")


def _level(entry: Mapping[str, Any]) -> str:
    name = "no level" if entry["level"] is None else f"level {entry['level']}"
    return f"{name} ({entry['problems']:,})"


def _bar(index: int, label: str, share: float, note: str, kind: str) -> str:
    top = index * _ROW
    width = max(0.0, min(1.0, share)) * _PLOT
    shown = escape(label if len(label) <= 30 else label[:29] + "…")
    return (
        f'<text class="label" x="{_LEFT - 10}" y="{top + 17}"><title>{escape(label)}</title>{shown}</text>'
        f'<rect class="rail" x="{_LEFT}" y="{top + 5}" width="{_PLOT}" height="16" rx="3"/>'
        f'<rect class="{kind}" x="{_LEFT}" y="{top + 5}" width="{width:.2f}" height="16" rx="3"/>'
        f'<text class="note" x="{_LEFT + _PLOT + 10}" y="{top + 17}">{escape(note)}</text>'
    )


def _whisker(index: int, low: float, high: float) -> str:
    middle = index * _ROW + 13
    start, end = _LEFT + low * _PLOT, _LEFT + high * _PLOT
    path = f"M{start:.2f} {middle}H{end:.2f}M{start:.2f} {middle - 5}v10M{end:.2f} {middle - 5}v10"
    return f'<path class="whisker" d="{path}"/>'


def _svg(body: str, rows: int, title: str) -> str:
    height = max(rows, 1) * _ROW
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">{body}</svg>'
