"""`rollmill select --fdr`: of what a selection keeps, the rows that a guarantee covers; and the certificate that says so.

People judged a simple random sample of the run (`rollmill audit verifier chain --simple`). A guarantee chooses among the
other rows by the scores of the recipe. The certificate is a file beside the recipe, which selector `certified` reads, so
that a publication repeats it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rollmill.flows.job import Job
from rollmill.flows.recipe.methods import MethodSpec, resolve
from rollmill.flows.rejudging.calibration import JudgedRows, calibration_of
from rollmill.flows.rejudging.selection import SelectingRun, SelectRequest, graded_parts, graded_rollout, selecting_run
from rollmill.flows.rounds.judging.decide import select_checked
from rollmill.flows.rounds.judging.score import preview_scores, rows_of
from rollmill.ground.errors import SetupError, explained, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.pool import Flags, Floats
from rollmill.pipelines.guarantees.judged_sample import EXCHANGEABLE, Guaranteed, JudgedSample
from rollmill.pipelines.select.certified import CERTIFICATE, COVERED, JUDGED_WRONG, Certified
from rollmill.storage.queries import Reader
from rollmill.storage.rollouts import Pair

if TYPE_CHECKING:
    from rollmill.pipelines.guarantees.judged_sample import Guarantee
    from rollmill.roles.protocols import Selector


@dataclass(frozen=True, slots=True)
class CertifyRequest:
    """Request of a certificate. `by`: names of scores, -NAME where less is better; every score of the recipe if empty.

    `audit`: the audit that people judged; None: the newest simple one of the run.
    """

    guarantee: str
    options: Mapping[str, Any] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    audit: str | None = None


@dataclass(frozen=True, slots=True)
class CertifiedSelection:
    """Result of a request for a certified selection. `row`: its numbers, to be shown. `content`, `path`: the certificate as
    JSON, and its file. `job`: the job that publishes the selection.
    """

    row: dict[str, Any]
    content: dict[str, Any]
    path: Path
    job: Job

    def write(self) -> None:
        """Write the file."""
        with explained(self.path):
            self.path.write_text(json.dumps(self.content, sort_keys=True) + "\n", encoding="utf-8")


def certification_of(request: SelectRequest, certify: CertifyRequest) -> CertifiedSelection:
    """The certificate of a selection; writes nothing. SetupError if the judged rows do not allow one."""
    with selecting_run(request) as selecting, Reader.open(request.root) as reader:
        base = selecting.recipe.loaded.base
        guarantee: Guarantee = resolve("guarantee", certify.guarantee, certify.options, base=base).build()
        names = _scores_named(selecting, certify.by)
        if guarantee.scored and not names:
            raise SetupError(
                f"guarantee {guarantee.name!r} chooses rows by a score, and the recipe makes none.",
                next_command="--set 'score=[{method: likelihood}]'",
            )
        calibration = calibration_of(reader, selecting.run, certify.audit)
        # A recipe that selects by an older certificate would certify only what that one covers.
        inner = _inner(selecting)
        pairs, scores = _kept_rows(selecting, inner.build(), names)
        return _certified(selecting, guarantee, calibration, _Rows(names, pairs, scores), inner)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that the selection keeps, with their scores: one column for each name."""

    names: Sequence[str]
    pairs: Sequence[Pair]
    scores: Floats


def _certified(
    selecting: SelectingRun, guarantee: "Guarantee", calibration: JudgedRows, rows: _Rows, inner: MethodSpec
) -> CertifiedSelection:
    judged = np.array([pair in calibration.right for pair in rows.pairs], dtype=np.bool_)
    # Rows outside the audit's population had no chance to be judged, so they are not exchangeable with those.
    inside: Flags = np.array([pair in calibration.population for pair in rows.pairs], dtype=np.bool_) & ~judged
    right = [pair for pair, chosen in zip(rows.pairs, judged, strict=True) if chosen and calibration.right[pair]]
    wrong = [pair for pair, chosen in zip(rows.pairs, judged, strict=True) if chosen and not calibration.right[pair]]
    if not right and not wrong:
        raise SetupError(
            f"none of the {len(calibration.right):,} rollouts judged in {calibration.audit} is kept by this selection.",
            next_command=f"rollmill audit verifier chain --run {selecting.run.id} --simple --n 1000",
        )
    labels = np.array([calibration.right[pair] for pair in rows.pairs if pair in calibration.right], dtype=np.bool_)
    sample = JudgedSample(rows.names, rows.scores[judged], labels, rows.scores[inside], _lot(calibration))
    result = guarantee.certify(sample)
    unjudged = [pair for pair, there in zip(rows.pairs, inside.tolist(), strict=True) if there]
    # A row that people judged right needs no guarantee.
    covered = sorted([*right, *(pair for pair, kept in zip(unjudged, result.kept.tolist(), strict=True) if kept)])
    certificate = _certificate(guarantee, result, calibration, labels, len(unjudged))
    content = {CERTIFICATE: certificate, COVERED: covered, JUDGED_WRONG: sorted(wrong)}
    recipe = selecting.recipe.loaded
    # Another certificate is another file: an old one may be named by a published recipe.
    name = f"{recipe.recipe.name}-certificate-{digest128([json.dumps(content, sort_keys=True)])[:8]}.json"
    row = {
        "run": selecting.run.id,
        "selected": len(rows.pairs),
        "kept": len(covered),
        "judged_wrong": len(wrong),
        "not_certified": len(rows.pairs) - len(covered) - len(wrong),
        **certificate,
        "file": name,
        "up_to_date": selecting.up_to_date,
    }
    return CertifiedSelection(row, content, recipe.base / name, _publishing(selecting.job, inner, name))


def _lot(calibration: JudgedRows) -> float:
    """A number above 0 and at most 1 by the audit's id: nobody can draw another one for the same judged rows."""
    return (int(digest128(["lot", calibration.audit]), 16) + 1) / (1 << 128)


def _certificate(
    guarantee: "Guarantee", result: Guaranteed, calibration: JudgedRows, labels: Flags, rows: int
) -> dict[str, Any]:
    """The certificate, as JSON values."""
    ids = sorted(map(list, calibration.right))
    return {
        "guarantee": [guarantee.name, guarantee.version],
        "claim": result.claim,
        "level": guarantee.level,
        "assumption": EXCHANGEABLE,
        "calibration": {
            "audit": calibration.audit,
            "run": calibration.run,
            "ids": digest128(["calibration", ids]),
            "judged": len(ids),
            "n": len(labels),
            "right": int(labels.sum()),
        },
        "rows": rows,
        "certified": int(result.kept.sum()),
        "chosen_on_the_same_rows": list(result.chosen),
        "facts": dict(result.facts),
    }


def _scores_named(selecting: SelectingRun, by: Sequence[str]) -> list[str]:
    """Names of the scores to choose among; SetupError for one that the recipe does not make."""
    known = [scorer.name for scorer in selecting.recipe.spec.scorers]
    for name in by:
        if name.removeprefix("-") not in known:
            raise unknown_name("score of the recipe", name.removeprefix("-"), known, next_command="--set 'score=[...]'")
    return list(dict.fromkeys(by or known))


def _inner(selecting: SelectingRun) -> MethodSpec:
    """The selector whose rows are certified: the recipe's, or the one inside it if it is `certified` already."""
    spec = selecting.recipe.loaded.selector
    return spec.parts["selector"][0] if spec.cls is Certified else spec


def _kept_rows(selecting: SelectingRun, selector: "Selector", names: Sequence[str]) -> tuple[list[Pair], Floats]:
    """The rows that the selector keeps, by id, and their scores."""
    # A guarantee may not depend on the order of rows, and the ids give one that every command repeats.
    kept = sorted(_kept_with_scores(selecting, selector, names), key=lambda row: row[0])
    return [pair for pair, _ in kept], np.array([scores for _, scores in kept], dtype=np.float64).reshape(
        len(kept), len(names)
    )


def _kept_with_scores(
    selecting: SelectingRun, selector: "Selector", names: Sequence[str]
) -> Iterator[tuple[Pair, list[float]]]:
    run, spec, chain = selecting.run, selecting.recipe.spec, selecting.chain
    scored = rows_of(selecting.recipe) if spec.scorers else None
    for members in graded_parts(selecting.recipe, run, chain):
        scores = preview_scores(scored, spec.scorers, members) if scored is not None else {}
        rollouts = [graded_rollout(graded, spec.accept, chain, scores) for graded in members]
        for rollout, decision in zip(rollouts, select_checked(selector, run.id, rollouts), strict=True):
            if decision.kept:
                values = {score.scorer: score.value for score in rollout.scores}
                yield (rollout.completion.id, rollout.problem.id), [_oriented(values, name) for name in names]


def _oriented(values: Mapping[str, float], name: str) -> float:
    """A score for which more is better; -inf for a missing one."""
    value = values.get(name.removeprefix("-"))
    return -np.inf if value is None else -value if name.startswith("-") else value


def _publishing(job: Job, inner: MethodSpec, file: str) -> Job:
    """The job under a recipe that selects by the certificate."""
    part = {"method": inner.name, "options": inner.canonical()["options"]}
    select = {"method": Certified.name, "options": {"selector": [part], "file": file}}
    # The inner selector holds these overrides already; as keys of `certified` they would be unknown.
    sets = [item for item in job.sets if not item.startswith(("select.", "select="))]
    return replace(job, sets=(*sets, f"select={json.dumps(select)}"))
