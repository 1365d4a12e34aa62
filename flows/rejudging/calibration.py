"""Calibration rows of a certificate: the rollouts of a simple audit with people's judgements.

A row that people could not judge, or differ about, counts as wrong: the certificate speaks of rows that people judge right.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollmill.flows.rejudging.selection import rows_decided_by
from rollmill.ground.errors import SetupError
from rollmill.ground.records import JUDGED
from rollmill.storage.audits import Audit, Pair
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.queries.judge.audited import audited_rows
from rollmill.storage.queries.judge.audits import truth_of

if TYPE_CHECKING:
    from rollmill.storage.runs import Run


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """Judged rows of an audit by (completion id, problem id), True for right ones. `population`: all rows that the audit
    drew from.
    """

    audit: str
    run: str
    right: Mapping[Pair, bool]
    population: Set[Pair]


def calibration_of(reader: Reader, run: "Run", name: str | None) -> JudgedRows:
    """The judged rows of the named audit, or of the newest simple audit of the run.

    SetupError for an audit of other rows, one with unequal chances, or one that is not judged to the end: who stops when
    the rows look good has chosen them.
    """
    audit = _audit(reader, run, name)
    again = f"rollmill audit verifier chain --run {run.id} --simple --n 300"
    if audit.kind != "natural" or not audit.design.get("simple"):
        raise SetupError(f"audit {audit.id} does not draw each rollout with the same chance.", next_command=again)
    # Another run of the same recipe has the same rows, so its audit serves.
    if audit.source != run.id:
        check_same_rows(reader.runs.get(audit.source), run)
    rows = audited_rows(run_scope(reader, audit.source), audit.verifier, audit.version)
    # Undecided rollouts were in no audit's population.
    pairs = {(row.completion_id, row.problem_id) for row in rows if row.outcome in JUDGED}
    items = [item.pair for item in reader.audits.items(audit.id)]
    # A row that was judged later had no chance to be drawn, so the sample would not be a simple one.
    if len(pairs) != audit.design["population"] or not pairs.issuperset(items):
        raise SetupError(f"run {audit.source} has other verdicts than when {audit.id} was drawn.", next_command=again)
    judgements = reader.audits.judgements(items)
    waiting = len(items) - len(judgements)
    if waiting:
        raise SetupError(
            f"{waiting:,} of the {len(items):,} rollouts of {audit.id} are not judged yet.",
            next_command=f"rollmill review {audit.id}",
        )
    return JudgedRows(audit.id, audit.source, {pair: truth_of(votes) is True for pair, votes in judgements.items()}, pairs)


def _audit(reader: Reader, run: "Run", name: str | None) -> Audit:
    if name is not None:
        return reader.audits.get(name)
    simple = [audit for audit in reader.audits.list(source=run.id) if audit.design.get("simple")]
    if not simple:
        raise SetupError(
            f"nobody drew a simple audit of run {run.id}, whose judgements a certificate rests on.",
            next_command=f"rollmill audit verifier chain --run {run.id} --simple --n 300, then rollmill review",
        )
    return simple[0]  # the newest comes first


def check_same_rows(audited: "Run", run: "Run") -> None:
    """SetupError if an audited run has another recipe, model or source than the rows to certify."""
    sides = [_origin(side) for side in (audited, run)]
    for part, value in sides[1].items():
        if sides[0][part] != value:
            raise SetupError(
                f"the judged rows are of run {audited.id}, which has another {part} than {run.id}: they say nothing about "
                "its rows.",
                next_command=f"rollmill audit verifier chain --run {run.id} --simple --n 300",
            )


def _origin(run: "Run") -> dict[str, object]:
    """Everything that decides a run's rows, by the words for people."""
    resolved = run.recipe["resolved"]
    decided = rows_decided_by(run.recipe)
    return {
        # Popped, so that other problems are told as another source and not as another recipe.
        "source": [decided.pop("problems"), resolved["problems"], resolved.get("source"), resolved["imported"]],
        "model digest": [resolved["model_digest"], resolved.get("steps")],
        "recipe": decided,
    }
