"""`rollmill replay`: all aggregators on one stored pool, as one report of JSON values. Draws and judges nothing.

Which rollouts, models, scores and budgets are taken is decided here; the elections are those of
`rollmill.metrics.replay`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rollmill.flows.evaluation.generated_tests import passes_by_row
from rollmill.flows.recipe.methods import resolve
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digits
from rollmill.ground.pool import Pool
from rollmill.metrics import PassAtLimit
from rollmill.metrics.elections import Ballot, ElectionBudget, ballots, comparison_rate
from rollmill.metrics.replay import BASELINE, ORACLE, RANDOM, ReplayPlan, ReplayRow, Setting, replay
from rollmill.pipelines.aggregate import AGGREGATORS
from rollmill.roles.blind_pool import Adjustable, Aggregator, is_blind
from rollmill.roles.registries import registry
from rollmill.stats import Estimate
from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.queries import Reader, Scope, named_scope
from rollmill.storage.queries.judge.audits import false_accept_bound, scope_rates
from rollmill.storage.queries.pools import ScopePool, scope_pool

LEAST = 4  # mean completions that a token budget pays for by default: below, most of what is drawn is cut off
LADDER = 6  # token budgets by default, each twice the one before


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """Request of one command. Empty: all aggregators whose needs are met, all models, all scores, powers of two.

    `aggregators`: names, each with fixed options where one is given (`borda p=2 score=length`). `tests`: a file of
    generated tests, for aggregators of programs.
    """

    root: Path
    pool: str
    samples: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()
    ks: tuple[int, ...] = (1,)
    aggregators: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    tests: Path | None = None
    repeats: int = 100
    folds: int = 2
    seed: int = 0


def replay_pool(request: ReplayRequest) -> dict[str, Any]:
    """The report; SetupError for columns that the pool lacks."""
    _check_counts(request)
    with Reader.open(request.root) as reader:
        source, models = pool_of_one(reader, request.pool, request.models)
        scores = _scores(source.pool, request.scores)
        settings = _settings(request, scores, models)
        limit = PassAtLimit(false_accept_bound(scope_rates(source.scope)))
        texts = source.texts() if any("texts" in setting.aggregator.needs for setting in settings) else ()
        passes = None if request.tests is None else passes_by_row(source, request.tests)
    every, with_tests = ballots(source.pool, models, texts), ballots(source.pool, models, texts, passes)
    items, budgets = _budgets(request, with_tests)
    plan = ReplayPlan(budgets, request.ks, request.repeats, request.folds, request.seed)
    rows = [row for row in replay(items, settings, plan) if not _beyond(row, items, limit.most)]
    return {
        "pool": source.scope.name,
        "problems": len(items),
        "left_out": len(every) - len(items),
        "clusters": len({ballot.cluster if ballot.cluster is not None else (ballot.problem,) for ballot in items}),
        "completions": [min(ballot.size for ballot in items), max(ballot.size for ballot in items)],
        "prefix": source.scope.prefix,
        "models": list(models),
        "scores": list(scores),
        "estimand": rows[0].value.estimand,
        "conflicts": sum(ballot.conflicts for ballot in items),
        "undecided_answers": int(sum(ballot.open.sum() for ballot in items)),
        "pass_at_limit": limit.row(),
        "comparisons": {score: _comparisons(items, score) for score in scores},
        "aggregators": _setting_rows(settings),
        "budgets": [asdict(budget) for budget in budgets],
        "ks": list(request.ks),
        "repeats": request.repeats,
        "folds": request.folds,
        "seed": request.seed,
        "rows": [row_values(row) for row in rows],
    }


def row_values(row: ReplayRow) -> dict[str, Any]:
    """A row as JSON values at twelve digits."""
    return {
        "aggregator": row.aggregator,
        **asdict(row.budget),
        "k": row.k,
        **estimate_row(row.value),
        "to_majority": None if row.difference is None else estimate_row(row.difference),
        "settings": list(row.settings),
        "if_undecided_were_right": digits(row.high),
        "monte_carlo_error": digits(row.error),
        "tokens_spent": None if row.tokens is None else digits(row.tokens),
        "comparisons": digits(row.comparisons),
        "best_on_the_same_problems": None if row.same_problems is None else digits(row.same_problems),
    }


def estimate_row(estimate: Estimate, *more: str) -> dict[str, Any]:
    """An estimate as JSON values at twelve digits; `more`: additional fields besides value, ends and method."""
    numbers = {key: digits(getattr(estimate, key)) for key in ("value", "low", "high")}
    return {**numbers, "interval": estimate.method, **{key: getattr(estimate, key) for key in more}}


def _beyond(row: ReplayRow, items: Sequence[Ballot], most: int | None) -> bool:
    """True if a row claims a right answer among more than `most`, which false accepts alone could produce."""
    if most is None or row.aggregator not in (ORACLE, RANDOM):
        return False
    each = 1.0 if row.budget.unit == "samples" else float(np.mean([ballot.pool.tokens.mean() for ballot in items]))
    return (row.budget.amount / each if row.aggregator == ORACLE else row.k) > most


def _comparisons(items: Sequence[Ballot], score: str) -> dict[str, Any]:
    """Rate at which a score prefers a right completion to a wrong one, and the share of problems on which it misleads."""
    rates = [rate for ballot in items if (rate := comparison_rate(ballot, score)) is not None]
    if not rates:
        return {"problems": 0, "mean": None, "misled": None}
    misled = sum(rate < 0.5 for rate in rates) / len(rates)
    return {"problems": len(rates), "mean": digits(sum(rates) / len(rates)), "misled": digits(misled)}


def _check_counts(request: ReplayRequest) -> None:
    least = {"samples": request.samples, "tokens": request.tokens, "k": request.ks, "repeats": (request.repeats,)}
    for name, values in least.items():
        if any(value < 1 for value in values):
            raise SetupError(f"--{name} {','.join(map(str, values))}: every number must be at least 1.")
    if request.seed < 0:
        raise SetupError(f"--seed {request.seed}: it must be at least 0.")
    if any(not text.strip() for text in request.aggregators):
        raise unknown_name("aggregator", "", registry("aggregator"))
    if request.folds < 2:
        raise SetupError(f"--folds {request.folds}: settings are chosen on other problems, so there are 2 at least.")


def pool_of_one(reader: Reader, name: str, models: Sequence[str]) -> tuple[ScopePool, tuple[str, ...]]:
    """The pool of a run or version and the models that vote; SetupError if some of it is not judged yet."""
    source = scope_pool(_scope(reader, name))
    _refuse_pending(source)
    return source, _models(source.pool, models)


def aggregator_named(root: Path, text: str, pool: Pool, models: Sequence[str]) -> tuple[Aggregator, bool]:
    """An aggregator by its name and options (`borda p=2`), and whether it reads texts."""
    name, options = name_and_options(text)
    aggregator: Aggregator = resolve("aggregator", name, options, base=root).build()
    _check_needs(aggregator, {"scores": bool(pool.scores), "models": len(models) > 1, "passes": False}, models)
    return aggregator, "texts" in aggregator.needs


def _scope(reader: Reader, name: str) -> Scope:
    scope = named_scope(reader, name)
    if scope is None:
        known = [*artifact_names(reader.datasets), *(run.id for run in reader.runs.list())]
        raise unknown_name("pool", name, known, next_command="rollmill dataset list, or rollmill runs list")
    return scope


def _models(pool: Pool, wanted: Sequence[str]) -> tuple[str, ...]:
    """The models in the order in which they are asked; a pool of several models is mixed only on request."""
    for name in wanted:
        if name not in pool.models:
            raise unknown_name("model", name, pool.models)
    if wanted or len(pool.models) < 2:
        return tuple(dict.fromkeys(wanted)) or pool.models
    raise SetupError(
        f"the pool has completions of {len(pool.models)} models: say whose vote.",
        choices=sorted(pool.models),
        next_command="--model NAME, several times for a vote of several, in the order in which they are asked",
    )


def _blind(pool: Pool) -> list[str]:
    """The scores that a vote may see and that some completion has."""
    return [name for name, values in pool.scores.items() if is_blind(name) and not np.isnan(values).all()]


def _scores(pool: Pool, wanted: Sequence[str]) -> tuple[str, ...]:
    for name in wanted:
        if name.removeprefix("-") not in pool.scores:  # -NAME: less is better
            raise unknown_name("score", name, pool.scores, next_command="a recipe's `score:` stores scores with a run")
        if not is_blind(name):
            raise SetupError(f"score {name!r} rests on the reference, which no vote may see.", choices=_blind(pool))
    known = tuple(_blind(pool))
    return tuple(dict.fromkeys(wanted)) or known


def _settings(request: ReplayRequest, scores: Sequence[str], models: Sequence[str]) -> list[Setting]:
    """Every setting of every requested aggregator, and always the majority, the baseline of the comparison."""
    here = {"scores": bool(scores), "models": len(models) > 1, "texts": False, "passes": request.tests is not None}
    texts = [text for text in request.aggregators if text.split()[:1]]
    names = texts or [name for name, cls in AGGREGATORS.items() if all(here[need] for need in cls.needs)]
    settings: list[Setting] = []
    for text in [*([] if BASELINE in names else [BASELINE]), *names]:
        name, options = name_and_options(text)
        cls = resolve("aggregator", name, options, base=request.root).cls
        choices = [options] if options or not isinstance(cls, Adjustable) else list(cls.settings(scores))
        built = [(values, resolve("aggregator", name, values, base=request.root).build()) for values in choices]
        labels = [_label(aggregator, values) for values, aggregator in built]
        settings += [
            Setting(label if options else aggregator.name, label, aggregator)
            for label, (_, aggregator) in zip(labels, built, strict=True)
        ]
        _check_needs(built[0][1], {**here, "texts": True}, models)
    return settings


def _check_needs(aggregator: Aggregator, here: Mapping[str, bool], models: Sequence[str]) -> None:
    """SetupError if a pool lacks what an aggregator needs."""
    missing = {
        "scores": "scores, and the pool has none; a recipe's `score:` stores some",
        "models": f"several models, and these completions are by {', '.join(models) or 'one'}; --model chooses more",
        "passes": "generated tests of programs; --tests FILE has some (docs/how-to/choose-one-answer.md)",
    }
    for need in aggregator.needs:
        if not here.get(need, True):
            raise SetupError(f"aggregator {aggregator.name!r} needs {missing[need]}.")


def name_and_options(text: str, example: str = "--with 'borda p=2 score=length'") -> tuple[str, dict[str, Any]]:
    """A method's name and its options, of `borda p=2 score=length` or `mastering before={b: [a]}`. Values are YAML."""
    name, _, rest = text.strip().partition(" ")
    options: dict[str, Any] = {}
    for pair in filter(None, re.split(r"\s+(?=[\w-]+=)", rest.strip())):
        key, sign, value = pair.partition("=")
        try:
            options[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            sign = ""  # refused below, in the same words
        if not key or not sign or _several_words(value, options[key]):
            raise SetupError(
                f"{example.partition(' ')[0]} {text!r}: {pair!r} is not of the form KEY=VALUE.", next_command=example
            )
    return name, options


def _several_words(value: str, read: object) -> bool:
    """True for a text of several words without quotes: the second word may be an option without a value."""
    return isinstance(read, str) and " " in value.strip() and value.strip()[0] not in "'\""


def _label(aggregator: Aggregator, options: Mapping[str, Any]) -> str:
    shown = [f"{key}={'+'.join(v) if isinstance(v, list | tuple) else v}" for key, v in options.items()]
    return " ".join([aggregator.name, *shown])


def _setting_rows(settings: Sequence[Setting]) -> list[dict[str, Any]]:
    versions = {setting.family: setting.aggregator.version for setting in settings}
    counts = {name: sum(setting.family == name for setting in settings) for name in versions}
    return [{"name": name, "version": version, "settings": counts[name]} for name, version in versions.items()]


def _refuse_pending(source: ScopePool) -> None:
    pending = int(source.pool.has("pending").sum())
    if pending:
        raise SetupError(
            f"{pending:,} of {len(source.pool):,} rollouts of {source.scope.name} are not judged yet.",
            next_command=f"rollmill runs resume {source.scope.name}",
        )
    if not len(source.pool):
        raise SetupError(f"{source.scope.name} has no rollouts.")


def _budgets(request: ReplayRequest, every: Sequence[Ballot]) -> tuple[list[Ballot], tuple[ElectionBudget, ...]]:
    """The budgets, and the problems that have enough completions and tokens for all of them.

    An expectation over N of fewer than N is undefined, so such problems are left out, and counted; by default samples stop
    at the number that half of the problems have, and tokens at what all remaining problems have.
    """
    totals = [_total_tokens(ballot) for ballot in every]
    common = sorted((ballot.size for ballot in every), reverse=True)[(len(every) - 1) // 2]
    samples = request.samples or tuple(1 << power for power in range(common.bit_length()))
    most, spent = max(samples), max(request.tokens, default=0)
    if request.tokens and None in totals:
        raise SetupError("--tokens: some completions of this pool have no token count.", next_command="leave --tokens out")
    kept = [b for b, total in zip(every, totals, strict=True) if b.size >= most and (total or 0) >= spent]
    if not kept:
        largest = max(ballot.size for ballot in every)
        raise SetupError(f"no problem has {most} completions and {spent} tokens; the most completions are {largest}.")
    if max(request.ks) > most:
        raise SetupError(f"--k {max(request.ks)}: no more answers can be handed in than there are, {most} here.")
    tokens = request.tokens or (() if None in totals else _token_ladder(kept))
    ordered = [ElectionBudget("samples", n) for n in sorted(set(samples))] + [
        ElectionBudget("tokens", t) for t in sorted(set(tokens))
    ]
    return kept, tuple(ordered)


def _total_tokens(ballot: Ballot) -> int | None:
    tokens = ballot.pool.tokens[0]
    return None if (tokens < 0).any() else int(tokens.sum())


def _token_ladder(kept: Sequence[Ballot]) -> tuple[int, ...]:
    """The tokens that every problem has, halved for as long as that pays for some completions."""
    most = int(min(ballot.pool.tokens.sum() for ballot in kept))
    mean = float(np.mean([ballot.pool.tokens.mean() for ballot in kept]))
    return tuple(amount for power in range(LADDER) if (amount := most >> power) >= LEAST * mean)
