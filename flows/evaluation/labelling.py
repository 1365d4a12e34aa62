"""`rollmill label`: the elected answer of each problem of a pool as its label, with the error that such labels have.

The file has the problems with their labels as references and is one that `rollmill import problems` reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.flows.evaluation.replay import aggregator_named, estimate_row, pool_of_one
from rollmill.ground.errors import SetupError
from rollmill.ground.files import json_line
from rollmill.ground.ids import digits
from rollmill.ground.records import prompt_json
from rollmill.metrics.elections import ballots
from rollmill.metrics.labels import Label, LabelError, is_graded, label_errors, labels
from rollmill.storage.queries import Reader, Scope
from rollmill.storage.segments.schema import prompt_from_json

_PROBLEMS = """
SELECT id, prompt, kind, level, skill, template, source FROM problems
WHERE id IN (SELECT problem_id FROM rollouts)
"""


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """Request of one command: labels of a pool by an aggregator, for answers with at least the share `least`.

    `placeholder`: the reference of problems that have none.
    """

    root: Path
    pool: str
    aggregator: str = "majority"
    least: float = 0.5
    models: tuple[str, ...] = ()
    placeholder: str | None = None
    seed: int = 0


def label_pool(request: LabelRequest, out: Path | None = None) -> dict[str, Any]:
    """The report; with `out` the labelled problems are written there, one JSON object a line."""
    if not 0 <= request.least <= 1:
        raise SetupError(f"--least {request.least}: a share is between 0 and 1.")
    with Reader.open(request.root) as reader:
        source, models = pool_of_one(reader, request.pool, request.models)
        aggregator, needs_texts = aggregator_named(request.root, request.aggregator, source.pool, models)
        items = ballots(source.pool, models, source.texts() if needs_texts else ())
        unknown = _without_reference(source.scope, request.placeholder)
        elected = labels(items, aggregator, request.seed, unknown)
        # 1e-12, because a share taken from the report has twelve digits, and .666666666667 is above two thirds.
        kept = [label for label in elected if label.share >= request.least - 1e-12]
        if out is not None:
            _write(out, _rows(source.scope, kept, request))
    # Problems without an elected answer count too: the part that labels keep is of all graded ones.
    graded = sum(is_graded(ballot, unknown) for ballot in items)
    errors = label_errors(elected, graded)
    (at_share,) = label_errors(elected, graded, [request.least])
    return {
        "pool": source.scope.name,
        "aggregator": request.aggregator,
        "seed": request.seed,
        "least": request.least,
        "problems": len(items),
        "graded": graded,
        "unknown": len(items) - graded,
        "labelled": len(kept),
        "asked": _error(at_share),
        "by_share": [_error(row) for row in errors],
        "out": None if out is None else str(out),
    }


def _without_reference(scope: Scope, placeholder: str | None) -> frozenset[str]:
    """The ids of the problems with the placeholder; SetupError if none has it, as its answers would be graded by it."""
    if placeholder is None:
        return frozenset()
    with scope.connection("rollouts", "problems") as connection:
        rows = connection.execute("SELECT id FROM problems WHERE reference = $1", [placeholder]).fetchall()
    if not rows:
        raise SetupError(f"--no-reference {placeholder!r}: no problem of {scope.name} has this reference.")
    return frozenset(str(row[0]) for row in rows)


def _error(row: LabelError) -> dict[str, Any]:
    return {
        "share": row.share,
        "graded": row.graded,
        "unknown": row.unknown,
        "kept": None if row.kept is None else digits(row.kept),
        "error": None if row.error is None else estimate_row(row.error, "clusters"),
    }


def _rows(scope: Scope, kept: Sequence[Label], request: LabelRequest) -> list[dict[str, Any]]:
    """The labelled problems in order of their ids, each with the known facts about its label."""
    with scope.connection("rollouts", "problems") as connection:
        names = ("id", "prompt", "kind", "level", "skill", "template", "source")
        known = {row[0]: dict(zip(names, row, strict=True)) for row in connection.execute(_PROBLEMS).fetchall()}
    rows = []
    for label in sorted(kept, key=lambda label: label.ballot.problem):
        problem: Mapping[str, Any] = known[label.ballot.problem]
        # Stored prompts are JSON text; an import takes a text as it is, and turns as a list.
        prompt = prompt_json(prompt_from_json(problem["prompt"]))
        vote = {"by": request.aggregator, "votes": label.votes, "completions": label.ballot.size}
        rows.append(
            {**problem, "prompt": prompt, "reference": label.answer, "label": {**vote, "share": digits(label.share)}}
        )
    return rows


def _write(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    from rollmill.ground.errors import explained

    with explained(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json_line(row, sort_keys=True) for row in rows)
        out.write_text(text, encoding="utf-8")
