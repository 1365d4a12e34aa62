"""docs/claims.md and what `claims show` prints: results as Markdown and as words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.claims.claim import LEAST_SEEDS
from storage.queries.claims import STATUSES

Row = Mapping[str, Any]
HEAD = """\
# Claims

What papers say of sampling, voting, budgets and error bars, checked on the shipped model, on recorded rollouts or by
a simulation of the law that the paper assumes. This page is made by `rollmill claims run --write docs/claims.md`. A
check is of a mechanism at small scale: `reproduced` says that the effect is there with its sign and size under these
conditions, no more, and each claim says what it cannot say.

```sh
rollmill claims list                              # every claim with its prediction
rollmill claims run best-of-many-settings         # one check; without a name all of them
rollmill claims show best-of-many-settings        # what it gave, seed by seed
```

- **Predictions are stated in the code** (`pipelines/claims/`) with sign and tolerance, before anything is drawn, and
  are not changed to fit; a change is written into [decisions](decisions.md).
- **Five seeds.** Problems and completions both follow from the seed. The pools: `unseen` (160 problems of levels 5 to
  8 on the held-out side of the templates, 64 completions each at temperature 1), `pair` and `pair-cool` (the first 64
  of these problems at temperatures 1 and .5), `ladder` (96 problems, levels 1 to 8, on the training side). They are
  cells of `recipes/evaluations/claims.yaml`, drawn in the stream `evaluate`: a second call draws nothing. Put a file
  of that name into a workspace to check the claims on a model of yours.
- **Recorded rollouts** exist once, so their claims have one pool and no seeds. They are checked where they were
  imported under the name of the pool: `math` (problems with several solutions each and a `reward`), `mathcoder`
  (answers of several models to the same problems).
- **Status.** An effect is reproduced when its mean over seeds is as predicted, it is so in {share:.0%} of the seeds
  at least, and the 95% t interval over seeds excludes the opposite (of one pool: the interval over its clusters). A
  claim is reproduced when all its effects are. Five seeds replicate problems and sampling of one model: they say
  nothing of other models.
- An undecided completion counts as not correct. `rollmill claims run` keeps its results in `reports/claims`, one JSON
  file per claim. All claims draw 102,400 completions; with these stored, measuring takes 80 s of CPU time.
"""


def markdown(results: Sequence[Row]) -> str:
    """The page: how to read it, a table of all claims, each claim in full."""
    table = [
        "| claim | status | source |",
        "|---|---|---|",
        *(f"| [{row['claim']}](#{row['claim']}) | {row['status']} | {row['source']} |" for row in results),
    ]
    counts = ", ".join(f"{sum(row['status'] == name for row in results)} {name}" for name in STATUSES)
    sections = ["\n".join(_section(row)) for row in results]
    return "\n".join([HEAD.format(share=LEAST_SEEDS), f"{len(results)} claims: {counts}.\n", *table, "", *sections])


def _section(row: Row) -> Iterator[str]:
    yield f"## {row['claim']}\n"
    yield f"{row['statement']} {row['source']}.\n"
    pools = ", ".join(f"`{pool}`" for pool in row["pools"])
    reason = f": {row['why']}" if row["why"] else ""
    yield f"**{row['status'].capitalize()}**{reason}. Measured on {pools or 'a simulation'}.\n"
    yield "| effect | predicted | measured [95%] | as predicted | n |"
    yield "|---|---|---|---|---|"
    effects = row["effects"] or [{} for _ in row["expected"]]
    for expected, effect in zip(row["expected"], effects, strict=True):
        yield f"| {expected['effect']} | {expected['words']} | {value_text(effect)} | {seeds(effect)} | {_count(effect)} |"
    failed = [f"{effect['effect']}: {effect['why']}" for effect in row["effects"] if effect["why"]]
    yield "".join(f"\nNot as predicted: {words}.\n" for words in failed)
    yield f"It cannot say: {row['reach']}\n"


def signed_number(value: float) -> str:
    """At three digits, without a sign of nothing (-0.000)."""
    return f"{round(value, 3) + 0.0:+.3f}"


def value_text(effect: Row) -> str:
    """An effect with its interval."""
    if not effect:
        return "-"
    if effect["low"] is None or effect["high"] is None:
        return signed_number(effect["value"])
    return f"{signed_number(effect['value'])} [{signed_number(effect['low'])}, {signed_number(effect['high'])}]"


def _count(effect: Row) -> str:
    return f"{effect['n']:,}" if effect else "-"


def seeds(effect: Row) -> str:
    """In how many seeds an effect is as predicted."""
    if not effect:
        return "-"
    return f"{effect['met']} of {effect['seeds']} seeds" if effect["seeds"] > 1 else ("yes" if effect["met"] else "no")


def result_text(row: Row) -> str:
    """One result for a person, seed by seed."""
    lines = [
        f"{row['claim']}: {row['status']}",
        row["statement"],
        f"Source: {row['source']}",
        f"Cannot say: {row['reach']}",
    ]
    if row["why"]:
        lines.append(f"Why: {row['why']}")
    for expected, effect in zip(row["expected"], row["effects"], strict=False):
        lines += ["", f"{effect['effect']}: predicted {expected['words']}, measured {value_text(effect)}, {seeds(effect)}"]
        lines += [
            f"  seed {seed_row['seed']}: {value_text(seed_row)}, n = {seed_row['n']:,}" for seed_row in effect["by_seed"]
        ]
        lines += [f"  {effect['why']}"] if effect["why"] else []
    return "\n".join(lines)
