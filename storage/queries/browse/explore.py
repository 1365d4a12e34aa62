"""Search of a scope: matching problems and rollouts, a page of them, and counts for each value of each facet.

Values of one facet are alternatives (level 7 or 8), different facets hold together. A facet's counts ignore its own
choice. Correct k of n is over the chosen models' rollouts: those of the fixed prefix, which is a measurement, or all.
"""

# ruff: noqa: S608 (the SQL is made of our own names; every value is a parameter)

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from rollmill.ground.errors import unknown_name
from rollmill.ground.records import OUTCOMES
from rollmill.stats import BetaPrior, shrunken_rate
from rollmill.storage.queries.browse.explore_index import (
    OF_PROBLEM,
    OF_ROLLOUT,
    ExploreIndex,
    Within,
    explore_index,
    ids_with_text,
)
from rollmill.storage.queries.scope import Scope
from rollmill.storage.segments.schema import text_array

if TYPE_CHECKING:
    import duckdb

FACETS = ("model", "source", "level", "skill", "template", "outcome", "rule", "reason", "kept", "correct")
MIXED = "mixed"  # the outcome of a problem that has right and wrong rollouts
NONE = "none"  # the value of a facet where a problem or a rollout has none
BATCH = 50_000  # rows of an export at a time
OUTCOME_FILTERS = (*OUTCOMES, "pending", MIXED)
Rows = Literal["problems", "rollouts"]
Over = Literal["prefix", "all"]

_PROBLEM_ORDERS = {
    "level": "level",
    "pass rate": "CASE WHEN judged > 0 THEN correct / judged END",
    "shrunken": "(correct + $a) / (judged + $a + $b)",
    **{name: name for name in ("judged", "rollouts", "matching", "kept", "source", "skill", "template", "reference", "id")},
    "problem": "prompt",
}
_ROLLOUT_ORDERS = {
    **{name: f"m.{name}" for name in (*OF_PROBLEM, *OF_ROLLOUT)},
    "problem": "prompt",
    **{name: name for name in ("answer", "tokens", "step")},
    "sample": "sample_index",
    "id": "completion_id",
}
ORDERS: Mapping[Rows, Mapping[str, str]] = {"problems": _PROBLEM_ORDERS, "rollouts": _ROLLOUT_ORDERS}


@dataclass(frozen=True, slots=True)
class Filters:
    """Search conditions; an empty text, facet or bound matches everything, and the value NONE matches a missing one.

    `lowest`, `highest`: the pass rate, ends included, over the rollouts of `over`. `within`: what `text` is looked for in.
    """

    text: str = ""
    within: Within = "problems"
    model: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    level: tuple[int | str, ...] = ()
    skill: tuple[str, ...] = ()
    template: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    reason: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    correct: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    over: Over = "prefix"


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of the sorted matches: `page` counts from 1 and is cut to the last one; `size` rows each."""

    page: int = 1
    size: int = 25
    by: str = "level"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A problem in a list. `matching`: its matching rollouts. `rate`: correct/judged, None for an unjudged problem;
    `shrunken`: the rate shrunken towards those of the other problems, a better estimate from few rollouts.
    """

    id: str
    external_id: str | None
    prompt: str
    reference: str
    source: str | None
    level: int | None
    skill: str | None
    template: str | None
    rollouts: int
    matching: int
    correct: int
    judged: int
    kept: int
    rate: float | None
    shrunken: float
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """The problems of one page, and the number of all matches. `prior`: the beta prior of the shrunken rates, fitted by
    maximum likelihood to all `fitted` judged problems of the scope, matching or not.
    """

    rows: tuple[ProblemRow, ...]
    total: int
    page: int
    pages: int
    prior: BetaPrior
    fitted: int


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """A rollout in a list; `answer` is the beginning of the extracted answer."""

    completion_id: str
    problem_id: str
    prompt: str
    answer: str | None
    model: str | None
    outcome: str
    rule: str | None
    reason: str | None
    kept: str | None
    level: int | None
    source: str | None
    step: str
    sample_index: int
    tokens: int | None
    skill: str | None
    template: str | None


@dataclass(frozen=True, slots=True)
class RolloutPage:
    """The rollouts of one page, and the number of all matches."""

    rows: tuple[RolloutRow, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a facet, and the number of problems or rollouts that match with it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class FacetCount:
    """Matching rollouts with one value of a facet and one outcome."""

    group: str
    outcome: str
    rollouts: int


_STATS = """
CREATE TEMP TABLE stats AS
SELECT problem, sum(n)::INT AS rollouts, coalesce(sum(n) FILTER (kept = 'yes'), 0)::INT AS kept,
       coalesce(sum(correct) FILTER ({over}), 0)::INT AS correct, coalesce(sum(judged) FILTER ({over}), 0)::INT AS judged
FROM cells WHERE {models} GROUP BY problem
"""
_MATCHING = "SELECT {cell}, s.correct AS k, s.judged AS of FROM cells c JOIN stats s USING (problem) {texts} WHERE {where}"
_FACET_SQL = {"correct": ("k, of", "of, k"), "level": ("level", "level NULLS LAST")}
_PROBLEM_ROWS = """
FROM (SELECT problem, sum(n)::INT AS matching FROM matching GROUP BY problem) m
JOIN problems p USING (problem) JOIN stats s USING (problem)
"""
_PROBLEM_DETAILS = """
SELECT problem, id, external_id, prompt, reference, source, level, skill, template, rollouts, correct, judged, kept,
       (SELECT list(DISTINCT outcome::VARCHAR ORDER BY outcome::VARCHAR) FROM cells WHERE cells.problem = p.problem)
FROM problems p JOIN stats s USING (problem) WHERE problem IN (SELECT unnest($1))
"""
_ROLLOUT_ROWS = "FROM rollouts r JOIN matching m USING (cell) JOIN problems p ON p.problem = m.problem"
_ROLLOUT_COLUMNS = """
r.completion_id, p.id AS problem_id, p.prompt, r.answer, m.model::VARCHAR AS model, m.outcome::VARCHAR AS outcome,
m.rule::VARCHAR AS rule, m.reason::VARCHAR AS reason, m.kept::VARCHAR AS kept, p.level, p.source, r.step, r.sample_index,
r.tokens
"""


class Matching:
    """Matches of some filters: temporary tables in a cursor of an index, for the duration of a query."""

    def __init__(self, index: ExploreIndex, cursor: "duckdb.DuckDBPyConnection", filters: Filters) -> None:
        self._index, self._cursor, self._filters = index, cursor, filters
        over = "measured" if filters.over == "prefix" else "true"
        values, models = _any_of("model", "model", filters.model) if filters.model else ({}, "true")
        cursor.execute(_STATS.format(over=over, models=models), values or None)
        if filters.text.strip():
            self._register_text()
        query, values = _selected(f"CREATE TEMP TABLE matching AS {_MATCHING}", filters)
        cursor.execute(query, values or None)

    def _register_text(self) -> None:
        ids = text_array(sorted(ids_with_text(self._index.scope, self._filters.text, self._filters.within)))
        self._cursor.register("ids", pa.table({"id": ids}))
        if _by_text(self._filters):
            query = "SELECT cell, count(*)::INT AS n FROM rollouts r JOIN ids ON ids.id = r.completion_id GROUP BY cell"
        else:
            query = "SELECT problem FROM problems SEMI JOIN ids USING (id)"
        self._cursor.execute(f"CREATE TEMP TABLE texts AS {query}")

    def total(self, rows: Rows) -> int:
        """Number of matches."""
        what = "count(DISTINCT problem)" if rows == "problems" else "coalesce(sum(n), 0)"
        return int(self._cursor.execute(f"SELECT {what} FROM matching").fetchall()[0][0])

    def _of_text(self) -> str:
        return "SEMI JOIN ids ON ids.id = r.completion_id" if _by_text(self._filters) else ""

    def problems(self, listing: Listing) -> ProblemPage:
        """A page of the matching problems."""
        prior, fitted = self._index.prior(self._filters.model)
        total = self.total("problems")
        page, pages, part = _part(listing, total)
        order = f"{_order('problems', listing, 'problem')} {part}"
        matching_of = dict(
            self._cursor.execute(f"SELECT problem, matching {_PROBLEM_ROWS} {order}", self._values(listing)).fetchall()
        )
        # Texts are read for the rows of the page alone, after all matches were sorted.
        rows = {row[0]: row[1:] for row in self._cursor.execute(_PROBLEM_DETAILS, [list(matching_of)]).fetchall()}
        listed = tuple(_problem_row(rows[problem], matching, prior) for problem, matching in matching_of.items())
        return ProblemPage(listed, total, page, pages, prior, fitted)

    def _values(self, listing: Listing) -> dict[str, float] | None:
        """Parameters of a sort order."""
        if listing.by != "shrunken":
            return None
        prior, _ = self._index.prior(self._filters.model)
        return {"a": prior.a, "b": prior.b}

    def rollouts(self, listing: Listing) -> RolloutPage:
        """A page of the matching rollouts."""
        total = self.total("rollouts")
        page, pages, part = _part(listing, total)
        order = _order("rollouts", listing, "completion_id, p.problem")
        matches = self._cursor.execute(f"SELECT r.rollout {_ROLLOUT_ROWS} {self._of_text()} {order} {part}").fetchall()
        places = [row[0] for row in matches]
        details = f"SELECT r.rollout, {_ROLLOUT_COLUMNS}, p.skill, p.template {_ROLLOUT_ROWS}"
        of_page = f"{details} WHERE r.rollout IN (SELECT unnest($1))"
        rows = {row[0]: row[1:] for row in self._cursor.execute(of_page, [places]).fetchall()}
        return RolloutPage(tuple(RolloutRow(*rows[place]) for place in places), total, page, pages)

    def batches(self, rows: Rows, listing: Listing) -> pa.RecordBatchReader:
        """All matches in order, with every column of the list, a batch at a time."""
        if rows == "rollouts":
            order = _order(rows, listing, "completion_id, p.problem")
            query = f"SELECT {_ROLLOUT_COLUMNS} {_ROLLOUT_ROWS} {self._of_text()} {order}"
        else:
            prior, _ = self._index.prior(self._filters.model)
            order = _order(rows, listing, "problem").replace("$a", str(prior.a)).replace("$b", str(prior.b))
            query = f"SELECT p.* EXCLUDE (problem), s.* EXCLUDE (problem), m.matching {_PROBLEM_ROWS} {order}"
        return self._cursor.sql(query).to_arrow_reader(BATCH)

    def place(self, problem_id: str, listing: Listing) -> tuple[int, str | None, str | None, int] | None:
        """Position of a problem among the matches, from 1, its neighbours, and the number of matches.

        None for a problem that does not match.
        """
        window = f"OVER ({_order('problems', listing, 'problem')})"
        places = self._cursor.execute(
            f"SELECT place, before, after, matches FROM (SELECT id, row_number() {window} AS place, "
            f"lag(id) {window} AS before, lead(id) {window} AS after, count(*) OVER () AS matches {_PROBLEM_ROWS}) "
            "WHERE id = $id",
            {**(self._values(listing) or {}), "id": problem_id},
        ).fetchall()
        return places[0] if places else None

    def by_outcome(self, facet: str) -> tuple[FacetCount, ...]:
        """The matching rollouts by a facet and outcome, the values of the facet in order."""
        column, order = _FACET_SQL.get(facet, (facet, f"{facet} NULLS LAST"))
        counts = self._cursor.execute(
            f"SELECT {column}, outcome, sum(n)::BIGINT FROM matching GROUP BY ALL ORDER BY {order}, outcome"
        ).fetchall()
        return tuple(FacetCount(_value(row[:-2]), *row[-2:]) for row in counts)

    def facets(self, rows: Rows) -> dict[str, tuple[FacetValue, ...]]:
        """The values of every facet with their counts, the most frequent first; levels and k of n in their order."""
        count = "count(DISTINCT problem)" if rows == "problems" else "sum(n)"
        return {facet: self._facet(facet, count) for facet in FACETS}

    def _facet(self, facet: str, count: str) -> tuple[FacetValue, ...]:
        values, rest = None, "matching"
        if getattr(self._filters, facet):
            others: dict[str, Any] = {facet: ()}
            query, values = _selected(_MATCHING, replace(self._filters, **others))
            rest, values = f"({query})", values or None
        column, order = _FACET_SQL.get(facet, (facet, f"{count} DESC, 1"))
        grouped = f"SELECT {column}, {count}::BIGINT FROM {rest} GROUP BY {column} ORDER BY {order}"
        counts = self._cursor.execute(grouped, values).fetchall()
        listed = [FacetValue(_value(row[:-1]), row[-1]) for row in counts]
        if facet == "outcome":
            mixed = f"SELECT {count}::BIGINT FROM {rest} WHERE k BETWEEN 1 AND of - 1"
            number = self._cursor.execute(mixed, values).fetchall()[0][0]
            listed += [FacetValue(MIXED, number)] if number else []
        return tuple(listed)


def search_problems(scope: Scope, filters: Filters | None = None, listing: Listing | None = None) -> ProblemPage:
    """A page of the matching problems of a scope, for a single query; SetupError for an unknown order."""
    index = explore_index(scope)
    try:
        with index.cursor() as cursor:
            return Matching(index, cursor, filters or Filters()).problems(listing or Listing())
    finally:
        index.close()


def _value(parts: Sequence[Any]) -> str:
    """A facet's value as text, from one column or from k and n."""
    return NONE if parts[0] is None else " of ".join(map(str, parts))


def _by_text(filters: Filters) -> bool:
    """True for a text condition on single rollouts, rather than on whole problems."""
    return bool(filters.text.strip()) and filters.within == "completions"


def _selected(query: str, filters: Filters) -> tuple[str, dict[str, Any]]:
    """The query with the conditions of the filters, and the values of its parameters."""
    conditions, values = ["true"], dict[str, Any]()
    for facet in (*OF_PROBLEM, *OF_ROLLOUT):
        if wanted := getattr(filters, facet):
            given, condition = _any_of(f"c.{facet}", facet, wanted)
            if facet == "outcome" and MIXED in wanted:
                condition = f"({condition} OR s.correct BETWEEN 1 AND s.judged - 1)"
            conditions.append(condition)
            values |= given
    if filters.correct:
        given, condition = _any_of("s.correct || ' of ' || s.judged", "correct", filters.correct)
        conditions.append(f"c.problem IN (SELECT problem FROM stats s WHERE {condition})")
        values |= given
    for name, sign in (("lowest", ">="), ("highest", "<=")):
        if (bound := getattr(filters, name)) is not None:
            conditions.append(f"s.judged > 0 AND s.correct / s.judged {sign} ${name}")
            values[name] = bound
    cell, texts = "c.*", ""
    if _by_text(filters):
        # A cell counts all of its rollouts; only those with a matching text count here.
        cell, texts = "c.* REPLACE (t.n AS n)", "JOIN texts t USING (cell)"
    elif filters.text.strip():
        conditions.append("c.problem IN (SELECT problem FROM texts)")
    return query.format(cell=cell, texts=texts, where=" AND ".join(conditions)), values


def _any_of(column: str, name: str, wanted: Sequence[Any]) -> tuple[dict[str, Any], str]:
    """The values of the parameters, and the condition that a column has one of these values."""
    values = {f"{name}_{place}": value for place, value in enumerate(wanted) if value != NONE}
    if name == "level":
        # A level in an address may be no number, or one too large: null matches nothing, where a cast would be an error.
        numbers = {key: str(value) for key, value in values.items()}
        values = {key: int(value) if value.isdecimal() and len(value) < 19 else None for key, value in numbers.items()}
    alternatives = [f"({column}) IN ({', '.join(f'${key}' for key in values)})"] if values else []
    if NONE in wanted:
        alternatives.append(f"{column} IS NULL")
    return values, f"({' OR '.join(alternatives)})"


def _order(rows: Rows, listing: Listing, last: str) -> str:
    orders = ORDERS[rows]
    if listing.by not in orders:
        raise unknown_name(f"order of {rows}", listing.by, orders)
    return f"ORDER BY {orders[listing.by]} {'DESC' if listing.descending else 'ASC'} NULLS LAST, {last}"


def _part(listing: Listing, total: int) -> tuple[int, int, str]:
    """The page shown, how many there are, and its part of the rows in SQL."""
    pages = max(1, -(-total // listing.size))
    page = min(max(listing.page, 1), pages)  # an address may name any page
    return page, pages, f"LIMIT {listing.size} OFFSET {(page - 1) * listing.size}"


def _problem_row(row: tuple[Any, ...], matching: int, prior: BetaPrior) -> ProblemRow:
    """A problem row from the columns of _PROBLEM_DETAILS after the problem's number."""
    *described, rollouts, correct, judged, kept, outcomes = row
    rates = correct / judged if judged else None, shrunken_rate(correct, judged, prior)
    values: list[Any] = [*described, rollouts, matching, correct, judged, kept, *rates, tuple(outcomes)]
    return ProblemRow(*values)
