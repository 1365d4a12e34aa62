"""A replay's report as one HTML file with its curves and tables, which loads nothing from anywhere."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log2
from typing import Any

from rollmill.storage.ground.formats.rate_texts import interval_text

Row = Mapping[str, Any]
COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#d68910", "#16a085", "#7f5539", "#c2185b", "#5d6d7e", "#6b8e23")
LEAST_SHOWN = 0.0005  # a difference below is 0 at the digits of the table
WORDS = {"samples": "completions per problem", "tokens": "tokens per problem"}
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _RIGHT = 760, 400, 52, 14, 44, 210
_CSS = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1c2733; max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0 1.6rem; }
th, td { padding: .25rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #dde3ea; }
th:first-child, td:first-child, td.text { text-align: left; }
td.text { white-space: normal; }
svg text { font-size: 12px; fill: #1c2733; } .grid { stroke: #e3e8ee; } .axis { stroke: #8795a3; }
.bar { stroke: #1b6ca8; stroke-width: 2; } .point { fill: #1b6ca8; }
"""


def replay_html(report: Mapping[str, Any]) -> str:
    """The whole page."""
    title = f"Replay of {report['pool']}"
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(about(report))}</p>"]
    for unit in dict.fromkeys(budget["unit"] for budget in report["budgets"]):
        for k in report["ks"]:
            rows = [row for row in report["rows"] if row["unit"] == unit and row["k"] == k]
            parts += [f"<h2>{heading(unit, k)}</h2>", curves(rows, unit), _table(rows)]
    parts += [f"<p>{escape(text)}</p>" for text in notes(report)]
    return whole_page(title, parts)


def whole_page(title: str, parts: Sequence[str]) -> str:
    """Parts of HTML as a document that may load nothing and run nothing."""
    # Every text is escaped; under the policy a text that was not still runs and loads nothing.
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{policy}\n<title>{escape(title)}</title>\n'
        f"<style>{_CSS}</style>\n</head>\n<body>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def heading(unit: str, k: int) -> str:
    """Heading of a table: the unit of its equal budgets and the number of answers handed in."""
    handed_in = "one answer" if k == 1 else f"{k} answers, one of them right"
    return f"At equal {unit}: {handed_in}"


def about(report: Mapping[str, Any]) -> str:
    """Summary of the replayed pool in one sentence."""
    low, high = report["completions"]
    each = f"{low}" if low == high else f"{low} to {high}"
    models = ", ".join(report["models"])
    return (
        f"{report['problems']:,} problems in {report['clusters']:,} clusters, {each} completions each"
        f"{f' by {models}' if models else ''}; {report['repeats']} subsets a problem, seed {report['seed']}; settings are "
        f"chosen on other clusters than they are reported on ({report['folds']} folds)."
    )


def notes(report: Mapping[str, Any]) -> list[str]:
    """Notes on the numbers."""
    sentences = [f"Intervals: 95%, {report['estimand']}; clusters are templates, or problems without one. {_noise(report)}"]
    if report["clusters"] < 2:
        sentences.append(
            "All problems are of one cluster: no setting could be chosen on others, so each row has its first one."
        )
    sentences += _optimism([row for row in report["rows"] if row["best_on_the_same_problems"] is not None])
    sentences += [
        f"Of a right and a wrong completion of one problem {score} prefers the right one with chance {of['mean']:.2f}, a "
        f"mean over {of['problems']:,} problems; on {of['misled']:.0%} of them the chance is below one half."
        for score, of in report["comparisons"].items()
        if of["problems"]
    ]
    most = report["pass_at_limit"]["largest_k"]
    if most is not None:
        sentences.append(
            f"The oracle of more than {most:,} completions is withheld: the verifier's false accepts could make it."
        )
    if report["left_out"]:
        sentences.append(
            f"{report['left_out']:,} problems have too few completions or no generated tests and are left out."
        )
    if report["conflicts"]:
        sentences.append(
            f"{report['conflicts']:,} answers were judged both correct and incorrect; they count as most verdicts say."
        )
    if report["undecided_answers"]:
        sentences.append(
            f"{report['undecided_answers']:,} answers are undecided and count as wrong; the JSON has the other bound."
        )
    return sentences


def curves(rows: Sequence[Row], unit: str) -> str:
    """Accuracy over the budget on a log scale, one line per aggregator, as SVG."""
    amounts = sorted({row["amount"] for row in rows})
    low, high = log2(amounts[0]), log2(amounts[-1])
    names = list(dict.fromkeys(row["aggregator"] for row in rows))

    def x(amount: int) -> float:
        return _LEFT + (log2(amount) - low) / ((high - low) or 1.0) * (_WIDTH - _LEFT - _RIGHT)  # 1.0: a single amount

    bottom, top = _range([row["value"] for row in rows])

    def y(value: float) -> float:
        return _TOP + (top - value) / (top - bottom) * (_HEIGHT - _TOP - _BOTTOM)

    shown = [(y(value), f"{value:.1f}") for value in _tenths(bottom, top)]
    body = [_axes([(x(amount), f"{amount:,}") for amount in amounts], shown, WORDS[unit])]
    for place, name in enumerate(names):
        points = [(x(row["amount"]), y(row["value"])) for row in rows if row["aggregator"] == name]
        body.append(_line(place, name, points))
    label = escape(f"Accuracy over {WORDS[unit]}")
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(body)}</svg>'


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The tenths around all values."""
    # At least one tenth apart, as equal values would make the axis of length 0.
    return floor(min(values) * 10) / 10, max(floor(min(values) * 10) + 1, ceil(max(values) * 10)) / 10


def _tenths(bottom: float, top: float) -> list[float]:
    # Counted in whole tenths: a sum of floats may miss the last one.
    return [tenth / 10 for tenth in range(round(bottom * 10), round(top * 10) + 1)]


def _axes(ticks: Sequence[tuple[float, str]], levels: Sequence[tuple[float, str]], words: str) -> str:
    right, floor_y = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    grid = "".join(
        f'<path class="grid" d="M{_LEFT} {at:.1f}H{right}"/>'
        f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{text}</text>'
        for at, text in levels
    )
    marks = "".join(f'<text x="{at:.1f}" y="{_HEIGHT - 24}" text-anchor="middle">{text}</text>' for at, text in ticks)
    middle = (_LEFT + right) / 2
    return (
        f'{grid}{marks}<path class="axis" d="M{_LEFT} {floor_y}H{right}"/>'
        f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(words)} (log scale)</text>'
    )


def _line(place: int, name: str, points: Sequence[tuple[float, float]]) -> str:
    colour = COLOURS[place % len(COLOURS)]  # an eleventh line repeats a colour
    dash = ' stroke-dasharray="5 4"' if name in ("oracle", "random") else ""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
    top = _TOP + 8 + 20 * place
    start = _WIDTH - _RIGHT + 24
    return (
        f'<g><title>{escape(name)}</title><path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>{dots}'
        f'<path d="M{start} {top}h22" stroke="{colour}" stroke-width="2"{dash}/>'
        f'<text x="{start + 30}" y="{top + 4}">{escape(name)}</text></g>'
    )


def _table(rows: Sequence[Row]) -> str:
    head = ("aggregator", "budget", "accuracy", "95% interval", "to majority", "95% interval", "tokens", "chosen settings")
    body = "".join(f"<tr>{''.join(_cell(value) for value in cells(row))}</tr>" for row in rows)
    names = "".join(f"<th>{name}</th>" for name in head)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def cells(row: Row) -> list[str]:
    """A row as texts: aggregator, budget, accuracy and interval, difference to the majority and its, tokens, settings."""
    change = row["to_majority"]
    return [
        row["aggregator"],
        f"{row['amount']:,}",
        f"{row['value']:.3f}",
        interval_text(row["low"], row["high"]),
        "" if change is None else f"{change['value']:+.3f}",
        "" if change is None else interval_text(change["low"], change["high"], "+"),
        "" if row["tokens_spent"] is None else f"{row['tokens_spent']:,.0f}",
        " / ".join(dict.fromkeys(row["settings"])),
    ]


def _cell(text: str) -> str:
    return f'<td class="text">{escape(text)}</td>' if text[:1].isalpha() else f"<td>{escape(text)}</td>"


def _noise(report: Mapping[str, Any]) -> str:
    worst = max((row["monte_carlo_error"] for row in report["rows"]), default=0.0)
    return f"Subsets are drawn, which adds an error of at most {worst:.4f} to any value."


def _optimism(rows: Sequence[Row]) -> list[str]:
    """Note on the largest optimism from choosing a setting and reporting it on the same problems."""
    worst = max(rows, key=lambda row: row["best_on_the_same_problems"] - row["value"], default=None)
    if worst is None or worst["best_on_the_same_problems"] - worst["value"] < LEAST_SHOWN:
        return []
    return [
        f"The best setting of {worst['aggregator']} at {worst['amount']:,} {worst['unit']} shows "
        f"{worst['best_on_the_same_problems']:.3f} on the problems it is best on and {worst['value']:.3f} where it was "
        "chosen on others: the largest difference here, and why the table has the latter."
    ]
