"""Finding problems, by text, level, skill, template, outcome and pass-rate band, and one problem with all its rollouts.

Texts of prompts are read only for the page shown and while a text filter is on, those of completions only for one problem.
"""

# ruff: noqa: S608 (the SQL is made of our own names; every value is a parameter)

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.stats import BetaPrior, fit_prior, shrunken_rate
from storage.errors import SetupError, unknown_name
from storage.queries.scope import Scope
from storage.records import OUTCOMES, Completion, Problem, Prompt, Score, Verdict
from storage.scores import about, marks_of
from storage.segments.schema import from_table, prompt_from_json

if TYPE_CHECKING:
    import duckdb

MIXED = "mixed"
OUTCOME_FILTERS = (*OUTCOMES, "pending", MIXED)
"""What a filter may ask of a problem's rollouts: that one has this outcome, or that some are correct and some are not."""

_COUNTED = """
    CREATE TEMP TABLE counted AS SELECT problem_id, count(*) AS rollouts, count(*) FILTER (kept) AS kept,
           count(*) FILTER (outcome = 'correct' AND {measured}) AS correct,
           count(*) FILTER (outcome IN ('correct', 'incorrect', 'unparsed') AND {measured}) AS judged,
           list(DISTINCT outcome ORDER BY outcome) AS outcomes
    FROM rollouts GROUP BY problem_id
"""
_TEXT = (
    "(contains(lower(p.prompt), lower($text)) OR starts_with(p.id, lower($raw)) "
    "OR contains(lower(p.external_id), lower($raw)))"
)


_SORTED = 200  # characters of a text that count when problems are sorted by it
ORDERS = {
    "level": "level",
    "pass rate": "CASE WHEN judged > 0 THEN correct / judged END",
    "shrunken": "(correct + $a) / (judged + $a + $b)",
    **{name: name for name in ("judged", "rollouts", "kept", "skill", "template", "reference", "id")},
    "problem": "prompt",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look for; None and the empty text match everything. The band is over the fixed prefix, both ends included."""

    text: str = ""
    level: int | None = None
    skill: str | None = None
    template: str | None = None
    outcome: str | None = None
    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One problem in a list. `rate` is correct/judged over the prefix, None where nothing is judged; `shrunken` is the rate
    drawn towards those of the other problems, which is what a rate of few completions should be read as.
    """

    id: str
    external_id: str | None
    prompt: str
    reference: str
    level: int | None
    skill: str | None
    template: str | None
    rollouts: int
    correct: int
    judged: int
    kept: int
    rate: float | None
    shrunken: float
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """The problems of one page, and how many match in all. `prior` is what the rates are shrunken towards: the beta of
    greatest likelihood over all `fitted` judged problems of the scope, matching or not.
    """

    rows: tuple[ProblemRow, ...]
    total: int
    page: int
    pages: int
    prior: BetaPrior
    fitted: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Which part of the sorted matches: `page` counts from 1 and is cut to the last one; `size` problems each."""

    page: int = 1
    size: int = 25
    by: str = "level"
    descending: bool = False


def search_problems(scope: Scope, filters: Filters | None = None, listing: Listing | None = None) -> ProblemPage:
    """A page of the matching problems, sorted by a key of ORDERS and then by id; SetupError for an unknown key."""
    conditions, values = _conditions(filters or Filters())
    listing = listing or Listing()
    if listing.by not in ORDERS:
        raise unknown_name("order of problems", listing.by, ORDERS)
    matching = f"""
        SELECT p.id, c.* EXCLUDE (problem_id), p.level, p.skill, p.template, p.prompt[:{_SORTED}] AS prompt,
               p.reference[:{_SORTED}] AS reference
        FROM problems p JOIN counted c ON c.problem_id = p.id WHERE {" AND ".join(conditions) or "true"}
    """
    with scope.connection("rollouts", "problems") as connection:
        connection.execute(_COUNTED.format(measured=scope.measured()))
        connection.execute(f"CREATE TEMP TABLE matching AS {matching}", values)
        counts = connection.execute("SELECT correct, judged FROM counted WHERE judged > 0").fetchall()
        total: int = connection.execute("SELECT count(*) FROM matching").fetchall()[0][0]
        prior = fit_prior([correct for correct, _ in counts], [judged for _, judged in counts])
        pages = max(1, -(-total // listing.size))
        page = min(max(listing.page, 1), pages)
        rows = connection.execute(
            "SELECT s.id, p.external_id, p.prompt, p.reference, p.level, p.skill, p.template, s.rollouts, s.correct, "
            "s.judged, s.kept, s.outcomes FROM "
            f"(SELECT *, row_number() OVER (ORDER BY {_order(listing)}, id) AS place FROM matching QUALIFY place > $first "
            "AND place <= $first + $size) s JOIN problems p ON p.id = s.id ORDER BY s.place",
            {"first": (page - 1) * listing.size, "size": listing.size, **_prior_of(listing, prior)},
        ).fetchall()
    return ProblemPage(tuple(_row(row, prior) for row in rows), total, page, pages, prior, len(counts))


def _order(listing: Listing) -> str:
    return f"{ORDERS[listing.by]} {'DESC' if listing.descending else 'ASC'} NULLS LAST"


def _prior_of(listing: Listing, prior: BetaPrior) -> dict[str, float]:
    """The parameters that an order by shrunken rates names."""
    return {"a": prior.a, "b": prior.b} if listing.by == "shrunken" else {}


def choices(scope: Scope, column: str) -> list[Any]:
    """The values that level, skill or template take among the scope's problems, sorted."""
    if column not in {"level", "skill", "template"}:
        raise ValueError(f"no choices of {column}")
    with scope.connection("problems") as connection:
        query = f"SELECT DISTINCT {column} FROM problems WHERE {column} IS NOT NULL ORDER BY 1"
        return [value for (value,) in connection.execute(query).fetchall()]


def prompt_text(prompt: Prompt) -> str:
    """A prompt as one text; the turns of a conversation under their roles."""
    return prompt if isinstance(prompt, str) else "\n\n".join(f"{turn.role}: {turn.content}" for turn in prompt)


def _conditions(filters: Filters) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if filters.text.strip():
        conditions.append(_TEXT)
        raw = filters.text.strip()
        # Prompts are stored as JSON text, so the needle is escaped the same way.
        values |= {"text": json.dumps(raw, ensure_ascii=False)[1:-1], "raw": raw}
    for name in ("level", "skill", "template"):
        if (wanted := getattr(filters, name)) is not None:
            conditions.append(f"p.{name} = ${name}")
            values[name] = wanted
    if filters.outcome == MIXED:
        conditions.append("c.correct BETWEEN 1 AND c.judged - 1")
    elif filters.outcome is not None:
        conditions.append("list_contains(c.outcomes, $outcome)")
        values["outcome"] = filters.outcome
    for name, sign in (("lowest", ">="), ("highest", "<=")):
        if (bound := getattr(filters, name)) is not None:
            conditions.append(f"c.judged > 0 AND c.correct / c.judged {sign} ${name}")
            values[name] = bound
    return conditions, values


def _row(row: tuple[Any, ...], prior: BetaPrior) -> ProblemRow:
    """From the columns of the query, which stand in the order of the fields up to `kept`."""
    key, external_id, prompt, *columns, outcomes = row
    correct, judged = row[8:10]
    rates = correct / judged if judged else None, shrunken_rate(correct, judged, prior)
    values: list[Any] = [key, external_id, prompt_text(prompt_from_json(prompt)), *columns, *rates, tuple(outcomes)]
    return ProblemRow(*values)


_COMPLETIONS = "SELECT * FROM completions WHERE id IN (SELECT completion_id FROM mine) AND prompt_id = ?"
_SCORES = (
    "SELECT * FROM scores WHERE completion_id IN (SELECT completion_id FROM mine) AND problem_id = ? "
    "ORDER BY completion_id, scorer, version"
)
_VERDICTS = (
    "SELECT * FROM verdicts WHERE completion_id IN (SELECT completion_id FROM mine) AND problem_id = ? "
    "ORDER BY completion_id, verifier, version"
)


@dataclass(frozen=True, slots=True)
class RolloutDetail:
    """One rollout: the completion, every verdict on it, and what was decided (kept and reason None while undecided).

    `outcome` is the accepted one, `pending` while a verdict is missing; `deciding` is the verdict that it is, None where a
    policy made it of several. `accepted_by` names the verifier or policy with its version.
    """

    completion: Completion | None
    sample_index: int
    outcome: str
    kept: bool | None
    reason: str | None
    verdicts: tuple[Verdict, ...]
    deciding: Verdict | None
    label: bool | None
    accepted_by: str | None = None
    arm: str = ""
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class ProblemDetail:
    """One problem and its rollouts by arm and sample index."""

    problem: Problem
    rollouts: tuple[RolloutDetail, ...]


def problem_detail(scope: Scope, problem_id: str) -> ProblemDetail:
    """Everything about one problem of a scope; SetupError where the scope has no such problem."""
    with scope.connection("rollouts", "problems", "completions", "verdicts") as connection:
        problems = from_table("problems", _table(connection, "SELECT * FROM problems WHERE id = ?", problem_id))
        if not problems:
            raise SetupError(f"{scope.name} has no problem {problem_id!r}.")
        connection.execute("CREATE TEMP TABLE mine AS SELECT * FROM rollouts WHERE problem_id = ?", [problem_id])
        rows = _table(connection, "SELECT * FROM mine ORDER BY arm, sample_index, completion_id").to_pylist()
        completions = _table(connection, _COMPLETIONS, problems[0].prompt_id)
        verdicts = _table(connection, _VERDICTS, problem_id)
        if scope.version is None:
            connection.execute(f"CREATE VIEW scores AS {scope.reader.rows('scores')}")
        scores = _table(connection, _SCORES, problem_id)
    if scope.run is not None:
        scores = about(scores, marks_of(scope.reader.runs, scope.run))
    scored: dict[str, list[Score]] = {}
    for score in from_table("scores", scores):
        scored.setdefault(score.completion_id, []).append(score)
    drawn = {completion.id: completion for completion in from_table("completions", completions)}
    judged: dict[str, list[Verdict]] = {}
    for verdict in from_table("verdicts", verdicts):
        judged.setdefault(verdict.completion_id, []).append(verdict)
    details = []
    for row in rows:
        cid = row["completion_id"]
        detail = _detail(row, drawn.get(cid), judged.get(cid, []))
        details.append(replace(detail, scores=tuple(scored.get(cid, ()))))
    return ProblemDetail(problems[0], tuple(details))


def _detail(row: dict[str, Any], completion: Completion | None, verdicts: list[Verdict]) -> RolloutDetail:
    named = (row["verifier"], row["verifier_version"])
    deciding = next((verdict for verdict in verdicts if (verdict.verifier, verdict.version) == named), None)
    label = None if completion is None else completion.meta.get("is_correct")
    return RolloutDetail(
        completion=completion,
        sample_index=row["sample_index"],
        outcome=row["outcome"],
        kept=row["kept"],
        reason=row["reason"],
        verdicts=tuple(verdicts),
        deciding=deciding,
        label=label if isinstance(label, bool) else None,
        accepted_by=None if row["verifier"] is None else " ".join(named),
        arm=row["arm"],
    )


def _table(connection: "duckdb.DuckDBPyConnection", query: str, *values: str) -> pa.Table:
    table: pa.Table = connection.sql(query, params=list(values)).to_arrow_table()
    return table
