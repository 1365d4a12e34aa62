"""Scores of a model: pass@1 and pass@k by level and by template, with intervals, at temperature 1.

Draws through a Generator and judges through a Verifier, both given; it knows neither the training nor the workspace.
Intervals are over problems: they say how far unseen instances of the same templates may differ, not unseen templates.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.protocols import Generator, Verifier
from pipelines.stats import Estimate, pass_at_k, population_mean
from storage.records import Completion, Origin, Problem, Request, Sampling, request_for

KS = (1, 4, 16, 64)
SAMPLING = Sampling(temperature=1.0, max_tokens=200)


@dataclass(frozen=True, slots=True)
class Tally:
    """What the samples of one problem came to."""

    level: int
    template: str
    drawn: int
    correct: int
    cut: int
    tokens: int


def tally(
    problems: Sequence[Problem],
    samples: int,
    seed: int,
    generator: Generator,
    verifier: Verifier,
    *,
    seen: Callable[[int], None] = lambda _: None,
) -> list[Tally]:
    """Draw `samples` completions of each problem in the stream `evaluate` and judge them; `seen` counts problems done."""
    tallies = []
    for at in range(0, len(problems), 16):
        part = problems[at : at + 16]
        requests = [request for problem in part for request in _requests(problem, samples, seed, generator)]
        by_prompt: dict[str, list[Completion]] = {}
        for completion in generator.generate(requests):
            by_prompt.setdefault(completion.prompt_id, []).append(completion)
        tallies += [_tally(problem, by_prompt[problem.prompt_id], verifier) for problem in part]
        seen(len(tallies))
    return tallies


def summarise(tallies: Sequence[Tally]) -> dict[str, Any]:
    """Scores by level and by template, as JSON values."""
    return {
        "levels": {str(level): _scores(group) for level, group in _grouped(tallies, lambda one: one.level)},
        "templates": {name: _scores(group, ks=(1,)) for name, group in _grouped(tallies, lambda one: one.template)},
    }


def _requests(problem: Problem, samples: int, seed: int, generator: Generator) -> Iterable[Request]:
    rendered = generator.render(problem.prompt)
    origin = Origin(generator.engine, generator.model_digest, "evaluate", seed)
    for index in range(samples):
        yield request_for(problem, rendered, SAMPLING, origin, index)


def _tally(problem: Problem, completions: Sequence[Completion], verifier: Verifier) -> Tally:
    outcomes = [verifier.verify(problem, completion).outcome for completion in completions]
    return Tally(
        level=problem.level or 0,
        template=problem.template or "",
        drawn=len(completions),
        correct=outcomes.count("correct"),
        cut=sum(completion.finish_reason == "length" for completion in completions),
        tokens=sum(completion.tokens_out or 0 for completion in completions),
    )


def _grouped(tallies: Sequence[Tally], key: Callable[[Tally], Any]) -> list[tuple[Any, list[Tally]]]:
    groups: dict[Any, list[Tally]] = {}
    for one in tallies:
        groups.setdefault(key(one), []).append(one)
    return sorted(groups.items())


def _scores(group: Sequence[Tally], ks: Sequence[int] = KS) -> dict[str, Any]:
    """Estimates of one group of problems; a wrong or unreadable answer counts as not passed."""
    drawn = sum(one.drawn for one in group)
    scores: dict[str, Any] = {"problems": len(group), "completions": drawn}
    for k in ks:
        values = [value for one in group if (value := pass_at_k(one.drawn, one.correct, k)) is not None]
        estimate = population_mean(values, estimand=f"mean pass@{k} of unseen instances of these templates")
        if estimate is not None:
            scores[f"pass@{k}"] = _rounded(estimate)
    scores["cut_share"] = round(sum(one.cut for one in group) / drawn, 6)
    scores["mean_tokens"] = round(sum(one.tokens for one in group) / drawn, 2)
    return scores


def _rounded(estimate: Estimate) -> Mapping[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(estimate).items()}
