"""Test for a model that got worse: each cell of an evaluation against the last finished run of that cell before it.

A nightly comparison at 5% raises a false alarm within 90 nights with a chance of three in four. So a stated level is spent
in equal parts over a stated number of looks, the cells of one look are corrected together (Holm), and the test is paired
on the same problems and of whole clusters (docs/explanation/statistics.md, points 4 and 5).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.ground.ids import digits
from rollmill.stats import alpha_spent, holm, paired_test
from rollmill.storage.queries import Reader
from rollmill.storage.queries.comparisons.comparison import paired
from rollmill.storage.queries.comparisons.sides import Side, sides_of

if TYPE_CHECKING:
    from rollmill.flows.recipe.evaluations import AlertPart
    from rollmill.storage.runs import Run

Row = dict[str, Any]
DRAWS = 99_999  # sign patterns: the level of one look may be far below the p of 10,000 of them


def drops(reader: Reader, cells: Sequence[Row], part: "AlertPart") -> list[Row]:
    """A row for each cell and model, as JSON values: the change since the run before, its test, and whether it alerts.

    `cells`: the rows of an evaluation, each with its run. Where nothing can be compared the row says `why`. `look` counts
    the finished runs of the cell before this one; beyond the planned number of looks nothing is left to spend.
    """
    runs = {run.id: run for run in reader.runs.list()}
    rows = [row for cell in cells for row in _of_cell(reader, cell, runs, part)]
    tested = [row for row in rows if "p" in row]
    # Over the cells of this look; alpha over the looks is spent in `level`.
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_corrected"] = digits(p)
        # The test is two-sided: a rise is no alert, also where `least` is 0.
        row["alert"] = p < row["level"] and row["difference"] <= -part.least and row["difference"] < 0
    return rows


def check_alerts(report: Row) -> None:
    """FoundWanting if a cell of the report fell."""
    fallen = [row for row in report.get("alerts", ()) if row.get("alert")]
    if fallen:
        text = "; ".join(words(row) for row in fallen)
        raise FoundWanting(f"{text}. Next: rollmill compare {fallen[0]['before']} {fallen[0]['after']}")


def words(row: Row) -> str:
    """Text of a row."""
    name = f"{row['benchmark']} x {row['model']}"
    if "why" in row:
        return f"{name}: not compared, {row['why']}"
    change = with_interval(row["difference"], row["low"], row["high"], "+")
    test = f"p = {row['p_corrected']:.2g} at level {row['level']:.2g}, look {row['look']} of {row['looks']}"
    return f"{name}: {'fell' if row['alert'] else 'no drop shown'}, {change} since the evaluation before ({test})"


def _of_cell(reader: Reader, cell: Row, runs: "dict[str, Run]", part: "AlertPart") -> list[Row]:
    now = runs[cell["run"]]
    named = {"benchmark": cell["benchmark"], "after": now.id}
    earlier = [run for run in runs.values() if _is_before(run, now)]
    if not earlier:
        return [{**named, "model": cell["model"], "why": "it is the first evaluation"}]
    # The one run before, not the best one: a maximum of many noisy rates lies above all later ones.
    before = max(earlier, key=lambda run: run.started_at)
    named |= {"before": before.id, "look": len(earlier), "looks": part.looks}
    # The change may be the verifiers' and not the model's.
    if before.verifiers != now.verifiers:
        return [{**named, "model": cell["model"], "why": "the one before was judged by other verifiers"}]
    if len(earlier) > part.looks:
        return [{**named, "model": cell["model"], "why": f"all {part.looks} looks are spent (alert.looks)"}]
    # Linear: O'Brien-Fleming spending would leave the first looks almost no level.
    level = alpha_spent([look / part.looks for look in range(1, part.looks + 1)], part.alpha, shape="linear")[
        len(earlier) - 1
    ]
    sides = {side.model: side for side in sides_of(reader, before.id)}
    rows = []
    for side in sides_of(reader, now.id):
        row = {**named, "model": side.model, "level": digits(level)}
        rows.append({**row, **_change(sides.get(side.model), side)})
    return rows


def _is_before(run: "Run", now: "Run") -> bool:
    return run.name == now.name and run.status == "done" and run.id != now.id and run.started_at < now.started_at


def _change(before: Side | None, after: Side) -> Row:
    """The change of the pass rate on the problems that both asked, with equally many completions of each."""
    if before is None:
        return {"why": "the model was not in the evaluation before"}
    fewest = min(before.most, after.most)
    try:
        pairing = paired(before.first(fewest), after.first(fewest))
    except SetupError:
        return {"why": "no problem was asked in both"}
    test = paired_test(pairing.before, pairing.after, pairing.clusters, draws=DRAWS)
    assert test is not None
    change = test.change
    ends = {"difference": digits(change.value), "low": digits(change.low), "high": digits(change.high)}
    return {"problems": len(pairing.problems), **ends, "p": digits(test.p)}
