"""docs/reference/claims.md and what `claims show` prints: the three boards as Markdown and as words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rollmill.methods import LEAST_SEEDS, rate_text, with_interval
from rollmill_papers.claims.boards import BOARDS, counts
from rollmill_papers.claims.claim import CLOSE

Row = Mapping[str, Any]
HEAD = """\
# Claims

What papers say of sampling, voting, budgets and error bars, on three boards that say what they are. This page is
made by `rollmill claims run --outputs FOLDER --write docs/reference/claims.md`.

```sh
rollmill claims list                              # every claim and number, board by board
rollmill claims run numbers                       # a board (numbers, mechanisms, checks); without a name all
rollmill claims run best-of-many-settings         # one check
rollmill claims show best-of-many-settings        # what it gave, seed by seed
```

- **Published numbers**: the paper's own figure beside ours from its own released outputs, judged by our verifiers.
  They stand in `published.yaml` of the package rollmill-papers with table and row; a figure that could not be looked up is
  not in it. `reproduced`: our 95% interval over problems holds a value that rounds to the printed one, and is at most
  {close} to either side, and of a difference without 0. `contradicted`: it holds none. `inconclusive`: it holds it
  and much else. Of so many intervals one in twenty misses by chance. `labels` is our number from the labels that came
  with the outputs: it tells a difference of graders from one of outputs.
- **Mechanisms**: whether an effect is there with its sign and size, on the shipped model at small scale, or on
  recorded rollouts where it says so. It says nothing of other models, and each claim says what it cannot say.
- **Implementation checks**: effects that mathematics or the simulated law forces. They test our code; no paper is
  credited.
- **Predictions stand in its `claims.yaml`** with sign and tolerance, before anything is drawn, and are
  not changed to fit; a change is written into [decisions](decisions.md). An effect is reproduced when its mean over
  seeds is as predicted, it is so in {share:.0%} of the seeds at least, and the 95% t interval over seeds excludes
  the opposite (of one pool: the interval over its clusters); contradicted when the interval has no room for the
  prediction; else inconclusive. A claim is reproduced when all its effects are, contradicted when one is.
- **Five seeds.** Problems and completions both follow from the seed. The pools: `unseen` (160 problems of levels 5
  to 8 on the held-out side of the templates, 64 completions each at temperature 1), `pair` and `pair-cool` (the
  first 64 of these problems at temperatures 1 and .5), `ladder` (96 problems, levels 1 to 8, on the training side).
  They are cells of its `pools.yaml`, drawn in the stream `evaluate`: a second call draws nothing.
  `--recipe FILE` checks the claims on a model of yours.
- **Released outputs** stay outside of the project. `--outputs FOLDER` imports those whose files lie there, once,
  under `released-NAME`, and judges them as any rollouts: verdicts are stored, a second call makes none. Without
  them a claim is `not measured` and says what it needs and from where. MathCoder's 12,748 answers take 20 s of one
  core; CodeT's 16,400 programs, run in the sandbox with their own tests and with the 7,869 that the model wrote, take
  35 minutes of one busy core: `rollmill claims run codet-beats-one-by-lot --outputs FOLDER`.
- An undecided completion counts as not correct. Results go to `reports/claims`, one JSON file each. All claims draw
  102,400 completions; with these stored, measuring takes 80 s of CPU time.
"""


def markdown(results: Sequence[Row]) -> str:
    """The page: how to read it, then a table for each board with details below it."""
    parts = [HEAD.format(share=LEAST_SEEDS, close=CLOSE)]
    for board, title in BOARDS.items():
        rows = [row for row in results if row["board"] == board]
        if rows:
            parts += [f"## {title}\n", f"{len(rows)}: {counts(rows)}.\n"]
            parts += _numbers(rows) if board == "numbers" else _claims(rows)
    return "\n".join(parts)


def _numbers(rows: Sequence[Row]) -> Iterator[str]:
    """The numbers paper by paper: the paper's sentence, a table, and a line for what needs one."""
    for source, says in dict.fromkeys((row["source"], row["says"]) for row in rows):
        mine = [row for row in rows if (row["source"], row["says"]) == (source, says)]
        yield f"### {source}\n\n> {says}\n"
        yield "| number | where | published | ours [95%] | labels | n | status |"
        yield "|---|---|---|---|---|---|---|"
        for row in mine:
            ours = row["ours"] or {}
            labels = "-" if row["labels"] is None else f"{row['labels']:.3f}"
            cells = [
                row["claim"],
                row["where"],
                printed(row),
                number_text(row["ours"]),
                labels,
                ours.get("n", "-"),
                row["status"],
            ]
            yield f"| {' | '.join(map(str, cells))} |"
        yield ""
        for row in mine:
            for part in row["beside"]:
                yield f"- {row['claim']}, beside it: {part['label']} {number_text(part)}."
        # Many numbers share a reason, such as outputs that are not here; repeated for each it would hide the rest.
        for words, names in _told_together(mine).items():
            yield f"- {', '.join(names)}: {words}"
        yield from (f"- {words}" for words in dict.fromkeys(f"{row['output']}: {row['about']}" for row in mine))
        yield ""


def _told_together(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Reasons and notes of numbers: each sentence once, with the names of its numbers."""
    told: dict[str, list[str]] = {}
    for row in rows:
        for words in (row["why"], row["note"]):
            if words:
                # Notes of the table end with a full stop and reasons do not.
                told.setdefault(words.rstrip(".") + ".", []).append(row["claim"])
    return told


def printed(row: Row) -> str:
    """The paper's figure as it prints it."""
    if row["published"] is None:
        return "above 0"
    # The unit is one in the paper's last digit, as a share: .001 for a figure such as 45.6%.
    places = 4 if row["unit"] < 0.001 else 3 if row["unit"] < 0.01 else 2
    return f"{row['published']:.{places}f}"


def number_text(estimate: Row | None) -> str:
    """A measured number with its interval."""
    return "-" if estimate is None else with_interval(estimate["value"], estimate["low"], estimate["high"])


def _claims(rows: Sequence[Row]) -> Iterator[str]:
    yield "| claim | status | source |"
    yield "|---|---|---|"
    yield from (f"| [{row['claim']}](#{row['claim']}) | {row['status']} | {row['source']} |" for row in rows)
    yield ""
    for row in rows:
        yield from _section(row)


def _section(row: Row) -> Iterator[str]:
    yield f"### {row['claim']}\n"
    yield f"{row['statement']} {row['source']}.\n"
    if row["says"]:
        yield f"> {row['says']}\n"
    pools = ", ".join(f"`{pool}`" for pool in row["pools"])
    reason = f": {row['why']}" if row["why"] else ""
    yield f"**{row['status'].capitalize()}**{reason}. Measured on {pools or 'a simulation'}.\n"
    yield "| effect | predicted | measured [95%] | as predicted | n |"
    yield "|---|---|---|---|---|"
    # An unmeasured claim has no effects, and its predictions are shown all the same.
    effects = row["effects"] or [{} for _ in row["expected"]]
    for expected, effect in zip(row["expected"], effects, strict=True):
        yield f"| {expected['effect']} | {expected['words']} | {value_text(effect)} | {seeds(effect)} | {_count(effect)} |"
    failed = [f"{effect['effect']}: {effect['why']}" for effect in row["effects"] if effect["why"]]
    yield "".join(f"\nNot as predicted: {words}.\n" for words in failed)
    yield f"It cannot say: {row['reach']}\n"


def value_text(effect: Row) -> str:
    """An effect with its interval."""
    if not effect:
        return "-"
    if effect["low"] is None or effect["high"] is None:
        return rate_text(effect["value"], "+")
    return with_interval(effect["value"], effect["low"], effect["high"], "+")


def _count(effect: Row) -> str:
    return f"{effect['n']:,}" if effect else "-"


def seeds(effect: Row) -> str:
    """Number of seeds in which an effect is as predicted."""
    if not effect:
        return "-"
    return f"{effect['met']} of {effect['seeds']} seeds" if effect["seeds"] > 1 else ("yes" if effect["met"] else "no")


def result_text(row: Row) -> str:
    """Text of one result for the terminal, seed by seed."""
    lines = [f"{row['claim']}: {row['status']} ({BOARDS[row['board']].lower()})"]
    lines += [row["statement"]] if "statement" in row else []
    lines += [f"Source: {row['source']}" + (f", {row['where']}" if "where" in row else "")]
    lines += [f'The paper: "{row["says"]}"'] if row["says"] else []
    lines += [f"Why: {row['why']}"] if row["why"] else []
    return "\n".join([*lines, *(_number_lines(row) if row["board"] == "numbers" else _effect_lines(row))])


def _number_lines(row: Row) -> Iterator[str]:
    labels = "" if row["labels"] is None else f", by the labels that came with it {row['labels']:.3f}"
    yield f"Published {printed(row)}, ours {number_text(row['ours'])}{labels}"
    yield from (f"  {part['label']}: {number_text(part)}" for part in row["beside"])
    yield from filter(None, (row["note"], f"{row['output']}: {row['about']}"))


def _effect_lines(row: Row) -> Iterator[str]:
    yield f"Cannot say: {row['reach']}"
    # Not strict: an unmeasured claim has predictions and no effects.
    for expected, effect in zip(row["expected"], row["effects"], strict=False):
        yield ""
        yield f"{effect['effect']}: predicted {expected['words']}, measured {value_text(effect)}, {seeds(effect)}"
        for part in effect["by_seed"]:
            yield f"  seed {part['seed']}: {value_text(part)}, n = {part['n']:,}"
        if effect["why"]:
            yield f"  {effect['why']}"
