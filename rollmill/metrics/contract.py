"""Checks of a pool before it is measured: the contract of docs/explanation/statistics.md.

For `measure`. Strata are cut here as well, because the contract forbids some combinations of rollouts (never two models).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.pool import Group, Ints, Pool
from rollmill.metrics.sample import Metric, Options, Sample, SampleRows

SOURCES = ("model", "step")


def samples_of(pool: Pool, by: Sequence[str], *, all_draws: bool = False) -> Iterator[tuple[dict[str, Group], Sample]]:
    """The strata of a pool by up to two of its columns, `model` and `step`; SetupError if nothing is to be measured."""
    for name in by:
        if name not in (*pool.strata, *SOURCES):
            raise unknown_name("group", name, (*pool.strata, *SOURCES))
    columns = [name for name in by if name not in SOURCES]
    if len(columns) > 2 or len(set(by)) < len(by):
        raise SetupError(
            f"groups {', '.join(by)}: at most two different ones besides model and step.", choices=(*pool.strata, *SOURCES)
        )
    measured = pool.measured(None) if all_draws else pool
    if not measured.in_prefix.any():
        raise SetupError(
            "No rollout of this pool was fixed before any verdict, so no rate may be over any.",
            next_command="mark a prefix with pool.measured(n), n the completions that every problem got at the start",
        )
    for group, part in _by_source(measured, [name for name in by if name in SOURCES]):
        rows = SampleRows(part)
        there = np.flatnonzero(rows.drawn > 0)
        keys = [tuple(part.strata[name][place] for name in columns) for place in there.tolist()]
        for values, places in _sorted_groups(keys):
            mine = {**group, **dict(zip(columns, values, strict=True))}
            # A stratum of one template is one cluster, so there the problems are the clusters.
            yield {name: mine[name] for name in by}, Sample(rows, there[places], own="template" in by)


def _sorted_groups(keys: Sequence[tuple[Group, ...]]) -> Iterator[tuple[tuple[Group, ...], Ints]]:
    """The places of each key, the keys in order, None after all others."""
    members: dict[tuple[Group, ...], list[int]] = {}
    for place, key in enumerate(keys):
        members.setdefault(key, []).append(place)
    # A column may hold numbers and words, which cannot be compared with each other.
    for key in sorted(members, key=lambda key: [(value is None, str(type(value)), value) for value in key]):
        yield key, np.array(members[key], dtype=np.int64)


def _by_source(pool: Pool, by: Sequence[str]) -> Iterator[tuple[dict[str, Group], Pool]]:
    """The pool by models and steps. Two of them are two distributions: a metric of k draws is of one."""
    labels = {"model": (pool.models, pool.model), "step": (pool.steps, pool.step)}
    parts: list[tuple[dict[str, Group], Pool]] = [({}, pool)]
    for source in by:
        texts, _ = labels[source]
        parts = [
            ({**group, source: texts[place] if place >= 0 else None}, part.where(_column(part, source) == place))
            for group, part in parts
            for place in _used(part, source)
        ]
    # Also by a source that is not asked for: measured by step, the parts may still mix models.
    for _, part in parts:
        for source in SOURCES:
            used = [labels[source][0][place] if place >= 0 else "unknown" for place in _used(part, source)]
            if len(used) > 1:
                raise SetupError(
                    f"The measured rollouts are of {len(used)} {source}s, which are never pooled.",
                    choices=used,
                    next_command=f"measure by {source}, or one of them alone",
                )
    yield from parts


def _column(pool: Pool, source: str) -> Ints:
    return pool.model if source == "model" else pool.step


def _used(pool: Pool, source: str) -> list[int]:
    """The places of the models or steps of the measured rollouts; -1 for an unknown one."""
    column = _column(pool, source)
    mine = column if pool.in_prefix.all() else column[pool.in_prefix]
    least, most = int(mine.min()), int(mine.max())
    return [least] if least == most else (np.flatnonzero(np.bincount(mine + 1)) - 1).tolist()  # np.unique would sort


def check(sample: Sample, kind: Metric, options: Options) -> None:
    """SetupError if a sample lacks what a metric needs, with an alternative."""
    needs = kind.needs
    waiting = int(sample.rows.open[sample.places].sum())
    # First of all checks: rollouts that are still to be judged could change what the others say.
    if waiting:
        raise SetupError(f"{waiting} measured rollouts are not judged yet.", next_command="run `rollmill curate` again")
    least, most = int(sample.drawn.min()), int(sample.drawn.max())
    if "any_number" not in needs and least != most:
        raise SetupError(
            f"The problems have {least} to {most} measured rollouts: numbers that verdicts "
            "may have decided are data, not a measurement.",
            next_command=f"measure the first {least} of each: first={least}, or pool.measured({least}) of a pool",
        )
    if "ks" in needs:
        _check_ks(sample.rated, options, each_k=kind.each_k)
    if "answers" in needs and (sample.pool.answer < 0).all():
        raise SetupError(
            "The pool has no answers, and votes are over answers.",
            next_command="take the pool of a run or version whose verifier gives normal forms, such as `number` or `math`",
        )
    if "tokens" in needs and (sample.pool.tokens[sample.row_places] < 1).any():
        raise SetupError("Some measured rollouts have no token count.", next_command="measure with k completions instead")
    if needs & {"score", "chances"}:
        _check_scores(sample, options, chances="chances" in needs)


def defined_ks(sample: Sample, options: Options) -> tuple[int, ...]:
    """The requested ks for which every problem has enough judged rollouts."""
    least = int(sample.judged.min())
    return tuple(k for k in options.ks if k <= least)


def _check_ks(sample: Sample, options: Options, *, each_k: bool) -> None:
    if not len(sample):
        raise SetupError("No problem has a judged rollout.", next_command="judge them again: rollmill reverify")
    least = int(sample.judged.min())
    if options.ks and min(options.ks) < 1:
        raise SetupError(f"k = {min(options.ks)} is not a number of completions.", choices=[f"1 to {least}"])
    # Undecided rollouts are the verifier's failure: they leave a k undefined, and the smaller ones are still measured.
    counts = sample.drawn if each_k and defined_ks(sample, options) else sample.judged
    short, least = int((counts < max(options.ks, default=0)).sum()), int(counts.min())
    if short:
        raise SetupError(
            f"k = {max(options.ks)} is undefined for {short} of {len(sample)} problems, which have fewer judged rollouts.",
            choices=[f"k up to {least}"],
            next_command="draw more completions before any verdict: raise `initial` of the budget",
        )


def _check_scores(sample: Sample, options: Options, *, chances: bool) -> None:
    if options.score is None or options.score.removeprefix("-") not in sample.pool.scores:
        raise unknown_name("score", str(options.score), sample.pool.scores, next_command="name one: Options(score=NAME)")
    values = sample.pool.scores[options.score.removeprefix("-")][sample.row_places]
    if np.isnan(values).any():
        raise SetupError(
            f"{int(np.isnan(values).sum())} of {len(values)} measured rollouts have no score {options.score!r}.",
            next_command="score all of them, with one version of the scorer",
        )
    if chances and not (values.min() >= 0.0 and values.max() <= 1.0):
        raise SetupError(
            f"Score {options.score!r} goes from {values.min():g} to {values.max():g}: no chance of being right.",
            next_command="ask `auroc`, which needs an order only",
        )
