"""Processor seconds and peak memory of imported rollouts on their way to a training file, step by step.

    python benchmarks/runs/million.py --rows 100000 --before HEAD~20
    python benchmarks/runs/million.py --rows 100000 1000000

Steps: importing the file; taking its rollouts into a run (identity and plan); judging them with `number`; selecting; the
gate; publishing; a training file of the kept rows. A turn is three processes: import, curate, export. The platform is
everything but judging. Two checkouts take turns, and must give the same content hash.
"""

import argparse
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))  # behind the checkout that is measured

from benchmarks.runs.checkouts import ROOT, checkout, run_in

SAMPLES = 8  # rollouts of one problem
MOST_MILLISECONDS, MOST_MEGABYTES, MOST_GROWTH = 0.25, 1_000, 10.5  # a rollout without judging; any step; tenfold rows
RECIPE = """
recipe_schema: 1
name: million
problems: {imported: million}
generate: {engine: imported}
verify: [{method: number}]
select: {method: quota, options: {per_problem: 4}}
gate: {max_undecided: 1.0, min_kept: 1}
"""
FILLER = "So we add the parts one after another and write down what is left over. " * 7
Measured = dict[str, dict[str, float]]


def main() -> None:
    """Print a table for each number of rows, and whether the bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000])
    parser.add_argument("--before", help="another checkout, or a commit")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        step, given = options.child
        print("\n" + json.dumps(CHILDREN[step](json.loads(given))))
        return
    with ExitStack() as stack:
        codes = [*([stack.enter_context(checkout(options.before))] if options.before else []), ROOT]
        totals = [_printed(rows, codes, options.turns) for rows in options.rows]
    for at in range(1, len(totals)):
        growth, most = totals[at] / totals[at - 1], MOST_GROWTH * options.rows[at] / options.rows[at - 1] / 10
        print(f"{_held(growth <= most)}: {options.rows[at]:,} rollouts cost {growth:.1f} times as much, at most {most:.1f}")


def _printed(rows: int, codes: list[Path], turns: int) -> float:
    """Measure one number of rows, print its table, and give the seconds of the last checkout."""
    sides: list[list[Measured]] = [[] for _ in codes]
    hashes = set[str]()
    with tempfile.TemporaryDirectory() as files:
        write_files(Path(files), rows)
        for turn in range(turns):
            for side in range(len(codes)) if turn % 2 == 0 else reversed(range(len(codes))):
                with tempfile.TemporaryDirectory() as folder:
                    measured, content_hash = _measure(codes[side], Path(files), Path(folder))
                sides[side].append(measured)
                hashes.add(content_hash)
    if len(hashes) > 1:
        raise SystemExit(f"the checkouts give different versions of the same rows: {sorted(hashes)}")
    medians = [
        {step: {unit: statistics.median(turn[step][unit] for turn in side) for unit in side[0][step]} for step in side[0]}
        for side in sides
    ]
    names = ("before", "here")[-len(codes) :]
    print(f"{rows:>9,} rollouts  " + "  ".join(f"{name + ' CPU s':>12} {'ms/row':>7} {'peak MB':>8}" for name in names))
    for step in medians[-1]:
        cells = (
            f"{row[step]['cpu']:12.2f} {1000 * row[step]['cpu'] / rows:7.4f} {row[step]['peak']:8.0f}" for row in medians
        )
        print(f"{step:<20} " + "  ".join(cells))
    platform, peak = medians[-1]["beside judging"]["cpu"], medians[-1]["beside judging"]["peak"]
    print(f"{_held(1000 * platform / rows <= MOST_MILLISECONDS)}: at most {MOST_MILLISECONDS} ms a rollout beside judging")
    print(f"{_held(peak <= MOST_MEGABYTES)}: at most {MOST_MEGABYTES:,} MB", flush=True)
    return platform


def _held(holds: bool) -> str:
    return "held" if holds else "NOT HELD"


def write_files(folder: Path, rows: int) -> None:
    """A problem set and a file of rollouts, three in four of them right, in random order."""
    shuffled = random.Random(7)
    with (folder / "problems.jsonl").open("w") as file:
        for number in range(-(-rows // SAMPLES)):
            file.write(
                json.dumps({"id": f"p{number}", "question": f"What is {number} + 5?", "answer": str(number + 5)}) + "\n"
            )
    order = list(range(rows))
    shuffled.shuffle(order)
    with (folder / "rollouts.jsonl").open("w") as file:
        for place in order:
            number, sample = divmod(place, SAMPLES)
            answer = number + 5 + (sample % 4 == 3)
            row: dict[str, Any] = {
                "problem_id": f"p{number}",
                "response": f"{FILLER}Way {sample // 2}.\n#### {answer}",
                "model": "m-7b",
            }
            row |= {"is_correct": sample % 4 != 3, "finish_reason": "stop", "completion_tokens": 120, "shard": place % 64}
            file.write(json.dumps(row) + "\n")


def _measure(code: Path, files: Path, folder: Path) -> tuple[Measured, str]:
    child = partial(_child, code, folder)
    child("command", ["init", "."])
    (folder / "million.yaml").write_text(RECIPE)
    child("command", ["import", "problems", str(files / "problems.jsonl"), "--name", "million"])
    rollouts = ["import", "rollouts", str(files / "rollouts.jsonl"), "--name", "answers", "--problems", "million"]
    measured: Measured = {"import": child("command", rollouts)}
    curated = child("curate", ["million.yaml"])
    content_hash = str(curated.pop("content_hash"))
    measured |= curated
    measured["sft export"] = child("command", ["dataset", "export", "million", "--out", "sft.jsonl"])
    besides = [used for step, used in measured.items() if step != "judge"]
    everything = {"cpu": sum(used["cpu"] for used in besides), "peak": max(used["peak"] for used in measured.values())}
    return {**measured, "beside judging": everything, "rerun": child("command", ["curate", "million.yaml"])}, content_hash


def _child(code: Path, folder: Path, step: str, given: Any) -> Any:
    words = (str(Path(__file__).resolve()), "--child", step, json.dumps(given))
    return json.loads(run_in(code, *words, cwd=folder).splitlines()[-1])


def command(words: list[str]) -> dict[str, float]:
    """What a command of the product costs, its start included."""
    from rollmill.flows import cli

    with _ended():
        cli.run(words)
    return {"cpu": _cpu(), "peak": _peak()}


@contextmanager
def _ended() -> Iterator[None]:
    try:
        yield
    except SystemExit as end:
        if end.code:
            raise


def curate(words: list[str]) -> dict[str, Any]:
    """What each step of a recipe costs in one process, which publishes a version."""
    import rollmill.flows.rounds
    from rollmill.flows.driver import Direct, drive
    from rollmill.flows.job import Job
    from rollmill.flows.jobs.curate import Curate

    seconds, peaks, plan_round = (
        dict.fromkeys(("take", "judge", "select", "gate", "publish"), 0.0),
        dict[str, float](),
        rollmill.flows.rounds.plan_round,
    )

    def spent(step: str, work: Callable[[], Any]) -> Any:
        began = _cpu()
        given = work()
        seconds[step] += _cpu() - began
        peaks[step] = _peak()
        return given

    class Watched(Direct):
        def stage(self, name: str, work: Callable[[], Any], *_: str, **__: str | int) -> Any:
            step = {"synthesize": "take", "round": "judge", "draw": "judge", "verify": "judge"}  # `round` of older trees
            return spent(step.get(name, name), work)

    def planned(*given: Any) -> Any:
        before = _cpu()
        rows = spent("take", partial(plan_round, *given))
        seconds["judge"] -= _cpu() - before  # a part of the stage that draws
        return rows

    setattr(rollmill.flows.rounds, "plan_round", planned)  # noqa: B010 - the stage takes it from there
    outcome = drive(Curate(Job.here(words[0], (), None)), Watched())
    seconds["take"] += _cpu() - sum(seconds.values())  # opening the run, and the start of the process
    return {step: {"cpu": seconds[step], "peak": peaks[step]} for step in seconds} | {
        "content_hash": outcome["content_hash"]
    }


def _cpu() -> float:
    return sum(time.process_time() if who is None else _of(who) for who in (None, resource.RUSAGE_CHILDREN))


def _of(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _peak() -> float:
    """The most resident memory of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


CHILDREN: dict[str, Callable[[list[str]], dict[str, Any]]] = {"command": command, "curate": curate}

if __name__ == "__main__":
    os.environ.setdefault("ROLLMILL_NO_PROGRESS", "1")
    main()
