"""`rollmill card make|check`: the evaluation card of a model, over groups of problems and their intersections.

After Mitchell et al. 2019 (model cards for model reporting). Every rate and number of problems is derived twice: from the
pool, as in every other report, and by SQL from the stored rows. `check` derives a written card again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from rollmill.ground.errors import FoundWanting, SetupError, explained
from rollmill.ground.files import read_utf8
from rollmill.ground.ids import digits
from rollmill.ground.pool import STRATA
from rollmill.metrics import Counts, pass_rate
from rollmill.stats.clusters.means import cluster_sums, mean_bounds
from rollmill.storage.queries import Reader, Scope
from rollmill.storage.queries.comparisons.sides import Side, scopes_of, sides_of_model

LEVEL = 0.05  # chance that a card marks any group, if all are alike
OPENING, CLOSING = "<!-- rollmill-card ", " -->"
NONE = "none"
SHOWN = 5  # differences that a failed check names
Row = dict[str, Any]
Cell = tuple[str, ...]

_RATED = """
WITH mine AS (
    SELECT r.problem_id, r.outcome, c.sample_index FROM (SELECT * FROM rollouts WHERE {measured}) r
    JOIN completions c ON c.id = r.completion_id WHERE {model}
), counted AS (SELECT count(*) AS drawn FROM mine GROUP BY problem_id),
rated AS (
    SELECT problem_id, avg((outcome = 'correct')::INT) AS rate FROM mine
    WHERE outcome IN ('correct', 'incorrect', 'unparsed') AND {first} GROUP BY problem_id
)
SELECT {groups} count(*), avg(rate) FROM rated JOIN problems p ON p.id = rated.problem_id GROUP BY ALL
"""


@dataclass(frozen=True, slots=True)
class CardRequest:
    """A model of an evaluation, run or version, `NAME[:MODEL]`, and the columns of its groups."""

    reference: str
    by: tuple[str, ...]


def evaluation_card(root: Path, request: CardRequest) -> Row:
    """The card as JSON values, derived both ways; FoundWanting if these differ, a defect of the data or of ours."""
    if len(set(request.by)) < len(request.by):
        raise SetupError(f"--by {', '.join(request.by)}: a column is named twice.", next_command="name each column once")
    with Reader.open(root) as reader:
        sides = sides_of_model(reader, request.reference, request.by)
        parts = [_benchmark(side, request.by) for side in sides.values()]
        derived = _derived_all(reader, request, sides)
    card = {
        "card": 1,
        "reference": request.reference,
        "model": next(iter(sides.values())).model,
        "by": list(request.by),
        "benchmarks": parts,
    }
    _compare(card, derived)
    return card


def check_card(root: Path, path: Path) -> Row:
    """Number of derived numbers of a written card; FoundWanting names those that the database does not give again."""
    card = read_card(path)
    again = evaluation_card(root, CardRequest(card["reference"], tuple(card["by"])))
    written, now = dict(_numbers(card)), dict(_numbers(again))
    differing = [
        f"{name} is {written.get(name)}, now {now.get(name)}"
        for name in now | written
        if now.get(name) != written.get(name)
    ]
    if differing:
        more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        raise FoundWanting(
            f"{path}: {'; '.join(differing[:SHOWN])}{more}.", next_command=f"rollmill card make {card['reference']} again"
        )
    return {"card": str(path), "numbers": len(now), "reference": card["reference"]}


def read_card(path: Path) -> Row:
    """The numbers of a card: a JSON file, or the last comment of a Markdown one."""
    with explained(path):
        text = read_utf8(path, next_command="rollmill card make NAME --out FILE")
    # The last one, because a name in the card's tables may hold the same mark.
    start = text.rfind(OPENING)
    body = text if start < 0 else text[start + len(OPENING) :].rpartition(CLOSING)[0]
    try:
        card: Row = json.loads(body)
        kinds = (("reference", str), ("by", list), ("benchmarks", list))
        if card["card"] != 1 or not all(isinstance(card[key], kind) for key, kind in kinds):
            raise ValueError
        list(_numbers(card))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SetupError(f"{path} is no card.", next_command="rollmill card make NAME --out FILE") from None
    return card


def _benchmark(side: Side, by: Sequence[str]) -> Row:
    counts = side.counts.judged_only()
    if not len(counts):
        raise SetupError(f"{side.reference} has no judged completion.", next_command="rollmill evaluate RECIPE")
    names = [(column,) for column in by] + list(combinations(by, 2))
    cells = [(columns, group, members) for columns in names for group, members in _cells(counts, columns)]
    whole = pass_rate(counts).estimate
    assert whole is not None
    rows = [_cell(columns, group, members, whole.value, len(cells)) for columns, group, members in cells]
    return {
        "benchmark": side.benchmark,
        "problems": len(counts),
        "completions": int(counts.judged.sum()),
        **{name: digits(getattr(whole, name)) for name in ("value", "low", "high")},
        "interval": whole.method,
        "estimand": whole.estimand,
        **({"faults": list(side.faults)} if side.faults else {}),
        "groups": [row for row in rows if len(row["columns"]) == 1],
        "intersections": [row for row in rows if len(row["columns"]) == 2],
    }


def _cells(counts: Counts, columns: Sequence[str]) -> Iterator[tuple[Cell, Counts]]:
    """The problems of each group of a column, or of each intersection of two, that has any."""
    for value, members in counts.by(columns[0]):
        if len(columns) == 1:
            yield (_name(value),), members
        else:
            for rest, inside in _cells(members, columns[1:]):
                yield (_name(value), *rest), inside


def _name(value: Any) -> str:
    return NONE if value is None else str(value)


def _cell(columns: Sequence[str], group: Cell, members: Counts, overall: float, cells: int) -> Row:
    """A rate with its interval; `mark` where an interval for all groups together leaves the overall rate out."""
    estimate = pass_rate(members).estimate
    assert estimate is not None
    sums = cluster_sums(members.rates(), members.rated_clusters())
    # Bonferroni: with all groups alike, the chance that any of them is marked is at most LEVEL.
    low, high, _ = mean_bounds(sums, estimate.value, 1.0 - LEVEL / cells)
    return {
        "columns": list(columns),
        "group": list(group),
        "problems": len(members),
        "clusters": estimate.clusters,
        **{name: digits(getattr(estimate, name)) for name in ("value", "low", "high")},
        "mark": "below" if high < overall else "above" if low > overall else "",
    }


def _derived_all(
    reader: Reader, request: CardRequest, sides: Mapping[str, Side]
) -> dict[tuple[str, ...], tuple[int, float]]:
    """Problems and rate of everything on the card, by benchmark, columns and group, from SQL over the stored rows."""
    names = [(), *((column,) for column in request.by), *combinations(request.by, 2)]
    derived: dict[tuple[str, ...], tuple[int, float]] = {}
    for scope in scopes_of(reader, request.reference.partition(":")[0]):
        cell = {} if scope.run is None else scope.run.recipe.get("cell", {})
        side = sides.get(str(cell.get("benchmark", scope.name.partition("@")[0])))
        # An evaluation has a scope for each model, and the card is of one of them.
        if side is None or side.reference.partition(":")[0] != scope.name:
            continue
        for columns in names:
            for *group, problems, rate in _derived(scope, side, columns):
                key = (side.benchmark, *columns, *(_name(value) for value in group))
                derived[key] = (problems, rate)
    return derived


def _derived(scope: Scope, side: Side, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """(group of each column ..., problems, rate) of one benchmark."""
    groups, names = "", []
    for column in columns:
        # A name from `meta` is a parameter and never part of the query's text.
        if column in STRATA:
            groups += f'p."{column}", '
        else:
            groups += "json_extract_string(p.meta, ?), "
            names.append(f'$."{column.removeprefix("meta.")}"')
    models = sorted(side.models)
    # A scope of several models names the model in its reference; then its completions are chosen by it.
    several = side.reference != scope.name
    query = _RATED.format(
        measured=scope.measured(),
        model="c.model = ?" if several else "true",
        # Imports have no fixed prefix: as many completions count as every problem has, as in the pool.
        first="true" if scope.prefix is not None else "sample_index < (SELECT min(drawn) FROM counted)",
        groups=groups,
    )
    with scope.connection("rollouts", "completions", "problems") as connection:
        return connection.execute(query, [*(models[:1] if several else []), *names]).fetchall()


def _compare(card: Row, derived: Mapping[tuple[str, ...], tuple[int, float]]) -> None:
    """FoundWanting where the pool and the stored rows give different numbers."""
    shown = {
        (part["benchmark"], *row.get("columns", ()), *row.get("group", ())): (row["problems"], row["value"])
        for part in card["benchmarks"]
        for row in (part, *part["groups"], *part["intersections"])
    }
    rounded = {key: (problems, digits(rate)) for key, (problems, rate) in derived.items()}
    differing = [
        key
        # A key that one side lacks has 0 problems there, so its rates are never compared.
        for key in shown.keys() | rounded.keys()
        if shown.get(key, (0, 0.0))[0] != rounded.get(key, (0, 0.0))[0] or abs(shown[key][1] - rounded[key][1]) > 1e-9
    ]
    if differing:
        # The order of a set differs between processes; the message must not.
        key = min(differing)
        raise FoundWanting(
            f"{len(differing)} numbers of the card differ from the stored rows; {' '.join(key)}: {shown.get(key)} on the "
            f"card, {rounded.get(key)} stored.",
            next_command="rollmill doctor",
        )


def _numbers(card: Row) -> Iterator[tuple[str, Any]]:
    """Every number of a card by a name."""
    for part in card["benchmarks"]:
        for row in (part, *part["groups"], *part["intersections"]):
            place = " x ".join(f"{c} {g}" for c, g in zip(row.get("columns", ()), row.get("group", ()), strict=True))
            for name in ("problems", "value", "low", "high"):
                yield f"{part['benchmark']}{', ' + place if place else ''}: {name}", row[name]
