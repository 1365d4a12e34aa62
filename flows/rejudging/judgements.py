"""`rollmill review --undecided RUN --apply`: people's judgements of undecided rollouts become the accepted verdicts.

The judgements are written to a file next to the recipe, named by its content. The recipe is then run with the additional
verifier `person`, which reads the file. Stored completions and verdicts are reused, and the new version records who
decided. A budget that follows verdicts may draw more, as it would have if the verifier had said the same.
"""

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.job import Job
from rollmill.flows.recipe.load import load_recipe
from rollmill.flows.recipe.methods import resolve
from rollmill.flows.session import stored_job
from rollmill.ground.errors import SetupError, explained
from rollmill.ground.ids import digest128
from rollmill.pipelines.verify.acceptance import PLAIN
from rollmill.pipelines.verify.judged.person import JudgedAnswer, PersonVerifier, answer_digest, write_judgements
from rollmill.storage.audits import PersonJudgement
from rollmill.storage.queries.judge.audits import outcome_of
from rollmill.storage.queries.judge.review import judged_undecided

if TYPE_CHECKING:
    from rollmill.flows.recipe.load import LoadedRecipe
    from rollmill.storage.queries import Reader


@dataclass(frozen=True, slots=True)
class Application:
    """The job that decides again, the file that it reads, and people's judgements by outcome."""

    job: Job
    path: Path
    answers: tuple[JudgedAnswer, ...]

    def counts(self) -> dict[str, int]:
        """Number of people's answers by outcome."""
        return dict(sorted(Counter(answer.outcome for answer in self.answers).items()))

    def row(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {"judgements": str(self.path), "answers": self.counts(), "next": self.job.command}

    def write(self) -> None:
        """Write the file."""
        with explained(self.path):
            write_judgements(self.path, list(self.answers))


def application_of(reader: "Reader", run_id: str) -> Application:
    """Planned application of people's answers; SetupError without answers, or if verifiers are not asked in turn."""
    run = reader.runs.get(run_id)
    job = stored_job(run, reader.root)
    if job.verb != "curate":
        raise SetupError(f"{run_id} belongs to an evaluation, whose benchmark says what judges.", choices=("curated runs",))
    loaded = load_recipe(Path(job.recipe), sets=job.sets)
    _check_policy(loaded)
    by_answer: dict[tuple[str, str], list[PersonJudgement]] = {}
    for completion, problem_id, judgements in judged_undecided(reader, run_id, PersonVerifier.name):
        by_answer.setdefault((problem_id, answer_digest(completion)), []).extend(judgements)
    if not by_answer:
        raise SetupError(
            f"nobody has judged an undecided rollout of {run_id}.", next_command=f"rollmill review --undecided {run_id}"
        )
    answers = tuple(
        JudgedAnswer(problem, answer, outcome_of(votes), "; ".join(sorted({f"{v.judge}: {v.judgement}" for v in votes})))
        for (problem, answer), votes in sorted(by_answer.items())
    )
    name = f"{loaded.recipe.name}-judgements-{digest128([list(map(str, answers))])[:8]}.csv"
    verifiers = [
        {"method": part.method, "options": part.options}
        for part in loaded.recipe.verify
        if part.method != PersonVerifier.name
    ]
    chain = json.dumps([*verifiers, {"method": PersonVerifier.name, "options": {"judgements": name}}])
    # Overrides of `verify` are part of the loaded chain already, and would be applied to the new one again.
    sets = (*(item for item in job.sets if not item.startswith("verify")), f"verify={chain}")
    return Application(replace(job, sets=sets, keep_going=False), loaded.base / name, answers)


def _check_policy(loaded: "LoadedRecipe") -> None:
    accept = loaded.recipe.accept
    name, options = (PLAIN.name, {}) if accept is None else (accept.method, accept.options)
    if not resolve("policy", name, options, base=loaded.base).build().lazy:
        raise SetupError(
            f"policy {name!r} weighs all verifiers side by side; judgements count for what the chain left undecided.",
            choices=(PLAIN.name,),
            next_command=f"rollmill curate RECIPE --set accept.method={PLAIN.name}",
        )
