"""A replay's report as one HTML file with its curves and tables, which loads nothing from anywhere."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log2
from pathlib import Path
from typing import Any

from rollmill.ground.formats.rate_texts import interval_text
from rollmill.pipelines.pages import PageSection, numbers_page

Row = Mapping[str, Any]
COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#d68910", "#16a085", "#7f5539", "#c2185b", "#5d6d7e", "#6b8e23")
LEAST_SHOWN = 0.0005  # a difference below is 0 at the digits of the table
WORDS = {"samples": "completions per problem", "tokens": "tokens per problem"}
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _RIGHT = 760, 400, 52, 14, 44, 210
_HEAD = ("aggregator", "budget", "accuracy", "95% interval", "to majority", "95% interval", "tokens", "chosen settings")


def replay_html(report: Mapping[str, Any]) -> str:
    """The whole page."""
    sections = [PageSection(texts=[about(report)])]
    for unit in dict.fromkeys(budget["unit"] for budget in report["budgets"]):
        for k in report["ks"]:
            rows = [row for row in report["rows"] if row["unit"] == unit and row["k"] == k]
            table = [cells(row) for row in rows]
            sections.append(PageSection(heading(unit, k), plot=curves(rows, unit), head=_HEAD, rows=table))
    return page(f"Replay of {report['pool']}", [*sections, PageSection(texts=notes(report))])


def page(title: str, sections: Sequence[PageSection]) -> str:
    """Sections with curves as a document."""
    return numbers_page(title, sections, Path(__file__).with_name("replay_page.html.j2"))


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


def curves(rows: Sequence[Row], unit: str) -> dict[str, Any]:
    """A plot of accuracy over the budget on a log scale, one line per aggregator."""
    amounts = sorted({row["amount"] for row in rows})
    low, high = log2(amounts[0]), log2(amounts[-1])
    right, floor_y = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    bottom, top = _range([row["value"] for row in rows])

    def x(amount: int) -> float:
        return round(_LEFT + (log2(amount) - low) / ((high - low) or 1.0) * (right - _LEFT), 1)  # 1.0: a single amount

    def y(value: float) -> float:
        return round(_TOP + (top - value) / (top - bottom) * (floor_y - _TOP), 1)

    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        lines.setdefault(row["aggregator"], []).append((x(row["amount"]), y(row["value"])))
    return {
        "width": _WIDTH, "height": _HEIGHT, "left": _LEFT, "right": right, "bottom": floor_y,
        "words": WORDS[unit],
        "colours": COLOURS,
        "ticks": [(x(amount), f"{amount:,}") for amount in amounts],
        "levels": [(y(value), f"{value:.1f}") for value in _tenths(bottom, top)],
        "lines": list(lines.items()),
    }  # fmt: skip


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The tenths around all values."""
    # At least one tenth apart, as equal values would make the axis of length 0.
    return floor(min(values) * 10) / 10, max(floor(min(values) * 10) + 1, ceil(max(values) * 10)) / 10


def _tenths(bottom: float, top: float) -> list[float]:
    # Counted in whole tenths: a sum of floats may miss the last one.
    return [tenth / 10 for tenth in range(round(bottom * 10), round(top * 10) + 1)]


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
