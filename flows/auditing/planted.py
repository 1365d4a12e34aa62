"""Planted errors as a stress test: does a verifier reject each kind of error, and accept right answers in other spellings?

The rates show a verifier's blind spots. They are not a sample of models' errors, so they correct no rate.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.auditing.audits import AuditRequest, run_of
from rollmill.flows.recipe.user_files import stored_methods
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.certify.audit_sample import SampledRow, ranking
from rollmill.pipelines.certify.planted import PlantedVariant, planted_variants
from rollmill.stats import population_mean
from rollmill.storage.audits import Audit, audit_id
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.queries.judge.audited import audited_as, audited_rows

if TYPE_CHECKING:
    from rollmill.roles.protocols import Verifier
    from rollmill.storage.runs import Run

LABEL = "stress test: planted errors, not a sample of natural ones; corrects nothing"
EXAMPLES = 5  # of each kind that the verifier missed
Trial = tuple[Problem, Completion, PlantedVariant]


def planted_audit(reader: Reader, request: AuditRequest, *, dry_run: bool = False) -> Audit:
    """Plant into at most `request.n` accepted rollouts of a run, judge each variant, and keep the rates in the ledger."""
    run = run_of(reader, request)
    verifier = _verifier_of(run, request.verifier, reader.root)
    try:
        trials = list(_trials(reader, run, request))
        if not trials:
            raise SetupError(
                f"nothing can be planted: {request.verifier} accepted no rollout of {run.id} whose answer is provably "
                "right.",
                next_command=f"rollmill audit verifier {request.verifier} --run {run.id} --n {request.n}",
            )
        verdicts = list(verifier.verify_many([(problem, completion) for problem, completion, _ in trials]))
    finally:
        verifier.close()
    identity = audit_id("planted", run.id, verifier.name, verifier.version, request.seed)
    rollouts = len({completion.meta["planted_into"] for _, completion, _ in trials})
    design = {"run": run.id, "seed": request.seed, "n": request.n, "rollouts": rollouts, "variants": len(trials)}
    report = {"label": LABEL, "kinds": _rates_by_kind(trials, verdicts)}
    audit = Audit(identity, verifier.name, verifier.version, "planted", run.id, design, report)
    return audit if dry_run else reader.audits.save(audit)


def _verifier_of(run: "Run", name: str, root: Path) -> "Verifier":
    """The verifier as the run's recipe configures it, in the version that is installed."""
    parts = run.recipe.get("verify", [])
    names = [verifier for verifier, _ in run.verifiers]
    # The name of a verifier may differ from its method in the recipe, as that of a user's own class does.
    for part, own in zip(parts, names, strict=True):
        if name == own:
            recipe = run.recipe.get("job", {}).get("recipe")
            # A user's own verifier is a file relative to the recipe's folder.
            base = Path(recipe).parent if recipe else root / "recipes"
            # The ledger may have come with a copy of the workspace, so its files are not loaded unseen.
            with stored_methods(f"run {run.id}", run.recipe, None, base=base) as methods:
                verifier: Verifier = methods.resolve("verifier", part).build()
            return verifier
    raise unknown_name(f"verifier of {run.id}", name, names)


def _rates_by_kind(trials: Sequence[Trial], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Figures by kind: number, share judged as expected with its interval over problems, and unexpected verdicts."""
    kinds = sorted({variant.kind for _, _, variant in trials})
    return {
        kind: _rate(kind, [pair for pair in zip(trials, verdicts, strict=True) if pair[0][2].kind == kind])
        for kind in kinds
    }


def _rate(kind: str, tried: Sequence[tuple[Trial, Verdict]]) -> dict[str, Any]:
    # An undecided verdict is neither a blind spot nor a success.
    decided = [(trial, verdict) for trial, verdict in tried if verdict.outcome != "undecided"]
    expected = tried[0][0][2].expected_outcome
    expected_word = "accepted" if expected == "correct" else "rejected"
    good = [(verdict.outcome == "correct") == (expected == "correct") for _, verdict in decided]
    # The variants of one problem are not independent, so problems are the clusters.
    problems = [trial[0].id for trial, _ in decided]
    estimand = f"share of planted {kind} variants that are {expected_word}"
    rate = population_mean([float(fine) for fine in good], problems, estimand=estimand)
    missed = [trial for (trial, _), fine in zip(decided, good, strict=True) if not fine]
    return {
        "expected": expected_word,
        "n": len(decided),
        "undecided": len(tried) - len(decided),
        "as_expected": sum(good),
        "rate": None if rate is None else asdict(rate),
        "missed": [
            {"completion_id": completion.meta["planted_into"], "problem_id": problem.id, "how": variant.how}
            for problem, completion, variant in missed[:EXAMPLES]
        ],
    }


def _trials(reader: Reader, run: "Run", request: AuditRequest) -> Iterator[Trial]:
    """Every variant of a random choice of accepted rollouts."""
    name, version = audited_as(run, request.verifier)
    audited = audited_rows(run_scope(reader, run.id), name, version)
    rows = [
        SampledRow(row.completion_id, row.problem_id, row.outcome, "", "") for row in audited if row.outcome == "correct"
    ]
    chosen = ranking(rows, request.seed)[: request.n]
    completions = {row.id: row for row in reader.fetch("completions", [row.completion_id for row in chosen])}
    problems = {row.id: row for row in reader.fetch("problems", sorted({row.problem_id for row in chosen}))}
    for row in chosen:
        problem, completion = problems[row.problem_id], completions[row.completion_id]
        # A generator for each row: a larger audit plants the same variants into the rows of a smaller one.
        rng = random.Random(int(digest128(["planted", request.seed, row.completion_id, row.problem_id]), 16))
        for number, variant in enumerate(planted_variants(problem, completion.text, rng)):
            yield problem, _with(completion, variant, number), variant


def _with(completion: Completion, variant: PlantedVariant, number: int) -> Completion:
    """The completion with the planted text in its place, under an id of its own."""
    meta = {**completion.meta, "planted_into": completion.id}
    identity = digest128(["planted", completion.id, number, variant.text])
    # "stop", as a planted text is whole, whatever ended the original; turns would still hold the old text.
    return replace(completion, id=identity, text=variant.text, messages=None, finish_reason="stop", meta=meta)
