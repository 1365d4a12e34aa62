"""`rollmill pairs`: which answers of which models to compare, and the ranking that the comparisons give.

A plan is a file of JSON lines for a judge, a person or a model: two answers to one problem in each line, and the same two
in the other order in the next. The judge writes `preferred` into each line.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError, explained
from rollmill.ground.files import json_line
from rollmill.ground.ids import digits
from rollmill.stats import Estimate, PairComparison, PairRanking, comparison_plan, pair_ranking, rank_agreement
from rollmill.storage.imports.reading.readers import read_rows
from rollmill.storage.queries import Reader
from rollmill.storage.queries.comparisons.answers import ModelAnswer, first_answers
from rollmill.storage.queries.comparisons.sides import sides_of
from rollmill.storage.segments.schema import prompt_from_json

PREFERRED: Mapping[str, float] = {"first": 1.0, "second": 0.0, "tie": 0.5}
Row = dict[str, Any]


def plan_pairs(root: Path, names: Sequence[str], count: int, seed: int, out: Path) -> Row:
    """Write the plan; SetupError with fewer than two models or for two models without a common problem."""
    with Reader.open(root) as reader:
        answers = first_answers(reader, names)
    models = sorted({model for by_model in answers.values() for model in by_model})
    if len(models) < 2:
        raise SetupError(
            f"{', '.join(names)} has answers of {len(models)} models; a comparison is of two.",
            next_command="name another evaluation too, or rollmill evaluate RECIPE with a second model",
        )
    rows = _planned(answers, comparison_plan(models, count, seed), seed)
    with explained(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("".join(json_line(row) for row in rows), encoding="utf-8")
    pairs = len(models) * (len(models) - 1)
    return {"file": str(out), "comparisons": len(rows), "models": len(models), "ordered_pairs": pairs, "seed": seed}


def _planned(answers: Mapping[str, Mapping[str, ModelAnswer]], plan: Sequence[tuple[str, str]], seed: int) -> list[Row]:
    """A row for each comparison; both orders of a pair have one problem, and pairs take theirs in turn."""
    common: dict[frozenset[str], list[str]] = {}
    turns: Counter[frozenset[str]] = Counter()
    rows = []
    for at, (first, second) in enumerate(plan):
        pair = frozenset((first, second))
        if pair not in common:
            # Sorted, so that the permutation by the seed does not depend on the order of the answers.
            problems = sorted(problem for problem, by_model in answers.items() if pair <= by_model.keys())
            if not problems:
                raise SetupError(
                    f"{first} and {second} have answered no common problem.",
                    next_command="rollmill evaluate RECIPE, which asks both, or leave one of them out",
                )
            # A permutation for each pair, as otherwise all pairs would be compared on the same first problems.
            order = np.random.default_rng([seed, len(common)]).permutation(len(problems)).tolist()
            common[pair] = [problems[place] for place in order]
        problem = common[pair][turns[pair] % len(common[pair])]
        turns[pair] += at % 2  # the second order ends the turn
        sides = answers[problem]
        prompt = prompt_from_json(sides[first].prompt)
        rows.append(
            {
                "problem": problem,
                "prompt": prompt if isinstance(prompt, str) else [asdict(message) for message in prompt],
                "first": first,
                "second": second,
                "first_text": sides[first].text,
                "second_text": sides[second].text,
                "preferred": None,  # for the judge to fill in; null is not judged
            }
        )
    return rows


def rank_pairs(file: Path, against: Sequence[str] = (), root: Path | None = None) -> Row:
    """The ranking as JSON values. `against`: evaluations whose pass rates the ranking is compared with."""
    comparisons, unjudged = read_comparisons(file)
    # Models without a link have no common scale of strength, and the prior alone would order them.
    _check_linked(file, comparisons)
    ranking = pair_ranking(comparisons)
    rows = [
        {"model": model, "strength": _row(strength), "win_rate": _row(rate)}
        for model, strength, rate in zip(ranking.models, ranking.strengths, ranking.win_rates, strict=True)
    ]
    rates = rank_agreement([row.value for row in ranking.strengths], [row.value for row in ranking.win_rates])
    return {
        "file": str(file),
        "comparisons": len(comparisons),
        "unjudged": unjudged,
        "models": rows,
        "order": _row(ranking.order),
        "consistent": None if ranking.consistent is None else _row(ranking.consistent),
        "win_rate_tau": None if rates is None else _row(rates),
        "against": _against(ranking, against, root) if against else None,
    }


def read_comparisons(file: Path) -> tuple[list[PairComparison], int]:
    """The judged comparisons of a file, and the number of lines that are not judged yet."""
    comparisons, unjudged = [], 0
    for row in read_rows(file):
        first, second, preferred = _checked(f"{file}, {row.where}", row.values)
        if preferred is None:
            unjudged += 1
            continue
        problem = row.values.get("problem")
        comparisons.append(PairComparison(first, second, PREFERRED[preferred], None if problem is None else str(problem)))
    return comparisons, unjudged


def _checked(place: str, row: Row) -> tuple[str, str, str | None]:
    """The models of a comparison and which is preferred."""
    first, second, preferred = row.get("first"), row.get("second"), row.get("preferred")
    if not (isinstance(first, str) and isinstance(second, str) and first and second) or first == second:
        raise SetupError(f"{place}: `first` and `second` are the names of two models.", next_command="correct the line")
    if "preferred" not in row or not isinstance(preferred, str | None) or preferred not in (None, *PREFERRED):
        shown = json.dumps(preferred)[:50]
        raise SetupError(f"{place}: `preferred` is {shown}.", choices=[*PREFERRED, "null"], next_command="correct the line")
    return first, second, preferred


def _check_linked(file: Path, comparisons: Sequence[PairComparison]) -> None:
    """SetupError without a comparison, and where no chain of comparisons links two models."""
    if not comparisons:
        raise SetupError(
            f"{file} has no judged comparison.",
            choices=[f'"preferred": "{word}"' for word in PREFERRED],
            next_command="let a judge fill in the lines, then run the same command again",
        )
    models = sorted({model for row in comparisons for model in row[:2]})
    linked = {models[0]}
    # The closure: A with B and B with C link A with C.
    while more := {model for row in comparisons if set(row[:2]) & linked for model in row[:2]} - linked:
        linked |= more
    apart = [model for model in models if model not in linked]
    if apart:
        raise SetupError(
            f"{file}: no comparison links {', '.join(apart)} with {', '.join(sorted(linked))}.",
            next_command="judge more lines of the plan, or rank the two groups apart",
        )


def _against(ranking: PairRanking, names: Sequence[str], root: Path | None) -> Row:
    """Agreement with pass rates: Kendall's tau with its interval, and a weighted one in which the top counts most."""
    from scipy.stats import weightedtau

    with Reader.open(root) as reader:
        sides = [side for name in names for side in sides_of(reader, name)]
    rates: dict[str, list[float]] = {}
    for side in sides:
        rates.setdefault(side.model, []).extend(side.counts.judged_only().rates())
    shared = [at for at, model in enumerate(ranking.models) if rates.get(model)]
    if len(shared) < 3:
        raise SetupError(
            f"--against {', '.join(names)}: {len(shared)} of the compared models have pass rates there; tau needs three.",
            choices=sorted(rates),
            next_command="name evaluations of the compared models",
        )
    # The mean over problems of all named evaluations together, each problem with the same weight.
    passed = [float(np.mean(rates[ranking.models[at]])) for at in shared]
    strengths = [ranking.strengths[at].value for at in shared]
    tau = rank_agreement(strengths, passed)
    top = None if tau is None else digits(float(weightedtau(passed, strengths).statistic))
    return {"names": list(names), "tau": None if tau is None else _row(tau), "top_weighted_tau": top}


def _row(estimate: Estimate) -> Row:
    ends = {name: digits(getattr(estimate, name)) for name in ("value", "low", "high")}
    kept = {"n": estimate.n, "clusters": estimate.clusters, "interval": estimate.method, "estimand": estimate.estimand}
    return {**ends, **kept}
