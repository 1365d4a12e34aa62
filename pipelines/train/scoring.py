"""Scores of a finished model folder, written into it as scores.json and the model card: pass@k by level and by template.

Two measurements at temperature 1: unseen instances of the templates it was trained on, and templates (with solution graphs)
it never saw. Intervals are over problems: they say how far unseen instances of the same templates may differ, not unseen
templates.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.records import Completion, Origin, Problem, Request, Sampling, request_for
from rollmill.pipelines.train.card import model_card
from rollmill.pipelines.train.export import write_text
from rollmill.roles.engine_roles import Generator
from rollmill.roles.protocols import Verifier
from rollmill.stats import pass_at_k, population_mean

KS = (1, 4, 16, 64)
SAMPLING = Sampling(temperature=1.0, max_tokens=200)
SAMPLES = 64
SEED = 41
# Problems of each split for every problem asked for: the unseen templates are few and need fewer.
SPLITS = {"heldout": 1.0, "evaluation": 0.5}
_PROBLEMS_AT_ONCE = 16  # in one call of the engine: 1,024 samples


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """Counts of one problem's samples."""

    level: int
    template: str
    drawn: int
    correct: int
    cut: int
    tokens: int


def score_model(
    folder: Path, generator: Generator, per_level: int, *, report: Callable[[int, int], None] = lambda _done, _total: None
) -> dict[str, Any]:
    """Scores of `per_level` problems at each level (half as many of unseen templates), 64 samples each; also written.

    `report` hears of (problems scored, all).
    """
    from rollmill.pipelines.synthesize.template import LEVELS
    from rollmill.pipelines.synthesize.templates import Templates
    from rollmill.pipelines.verify import VERIFIERS

    verifier = VERIFIERS["number"]()
    sizes = {split: max(1, round(per_level * share)) * len(LEVELS) for split, share in SPLITS.items()}
    problems = {split: list(Templates(split=split).synthesize(count, SEED)) for split, count in sizes.items()}
    total = sum(map(len, problems.values()))
    scores: dict[str, Any] = {
        "samples": SAMPLES,
        "seed": SEED,
        "temperature": SAMPLING.temperature,
        "max_tokens": SAMPLING.max_tokens,
        "verifier": f"{verifier.name} {verifier.version}",
        "fingerprint": dict(generator.fingerprint()),
    }
    scored = 0
    for split, members in problems.items():
        # The default holds the count of this split; a closure would read a later one.
        def report_split(count: int, before: int = scored) -> None:
            report(before + count, total)

        scores[split] = summarise(count_samples(members, SAMPLES, SEED, generator, verifier, report=report_split))
        scored += len(members)
    write_text(folder / "scores.json", json.dumps(scores, indent=2) + "\n")
    training = json.loads((folder / "training.json").read_text())
    write_text(folder / "README.md", model_card(folder.name, training, scores))
    return scores


def count_samples(
    problems: Sequence[Problem],
    samples: int,
    seed: int,
    generator: Generator,
    verifier: Verifier,
    *,
    report: Callable[[int], None] = lambda _: None,
) -> list[SampleCounts]:
    """Draw `samples` completions of each problem in the stream `evaluate` and judge them; `report` hears how many."""
    counts: list[SampleCounts] = []
    # A stream of its own, so that no draw of a training is among these.
    origin = Origin(generator.engine, generator.model_digest, "evaluate", seed)
    for at in range(0, len(problems), _PROBLEMS_AT_ONCE):
        part = problems[at : at + _PROBLEMS_AT_ONCE]
        requests: list[Request] = []
        for problem in part:
            rendered = generator.render(problem.prompt)
            requests += [request_for(problem, rendered, SAMPLING, origin, index) for index in range(samples)]
        by_prompt: dict[str, list[Completion]] = {}
        for completion in generator.generate(requests):
            # Engines yield completions in any order.
            by_prompt.setdefault(completion.prompt_id, []).append(completion)
        counts += [_counted(problem, by_prompt[problem.prompt_id], verifier) for problem in part]
        report(len(counts))
    return counts


def summarise(counts: Sequence[SampleCounts]) -> dict[str, Any]:
    """Scores by level and by template, as JSON values."""
    return {
        "levels": {str(level): _scores(group) for level, group in _grouped(counts, lambda problem: problem.level)},
        "templates": {name: _scores(group, ks=(1,)) for name, group in _grouped(counts, lambda problem: problem.template)},
    }


def _counted(problem: Problem, completions: Sequence[Completion], verifier: Verifier) -> SampleCounts:
    outcomes = [verifier.verify(problem, completion).outcome for completion in completions]
    return SampleCounts(
        level=problem.level or 0,
        template=problem.template or "",
        drawn=len(completions),
        correct=outcomes.count("correct"),
        cut=sum(completion.finish_reason == "length" for completion in completions),
        tokens=sum(completion.tokens_out or 0 for completion in completions),
    )


def _grouped(counts: Sequence[SampleCounts], key: Callable[[SampleCounts], Any]) -> list[tuple[Any, list[SampleCounts]]]:
    groups: dict[Any, list[SampleCounts]] = {}
    for problem in counts:
        groups.setdefault(key(problem), []).append(problem)
    return sorted(groups.items())


def _scores(group: Sequence[SampleCounts], ks: Sequence[int] = KS) -> dict[str, Any]:
    """Estimates of one group of problems; a wrong or unreadable answer counts as not passed."""
    drawn = sum(problem.drawn for problem in group)
    scores: dict[str, Any] = {"problems": len(group), "completions": drawn}
    for k in ks:
        values = [value for problem in group if (value := pass_at_k(problem.drawn, problem.correct, k)) is not None]
        estimate = population_mean(values, estimand=f"mean pass@{k} of unseen instances of these templates")
        if estimate is not None:
            parts = asdict(estimate).items()
            scores[f"pass@{k}"] = {name: round(value, 6) if isinstance(value, float) else value for name, value in parts}
    scores["cut_share"] = round(sum(problem.cut for problem in group) / drawn, 6)
    scores["mean_tokens"] = round(sum(problem.tokens for problem in group) / drawn, 2)
    return scores
