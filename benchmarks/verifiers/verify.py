"""Verification speed: our verifiers beside math-verify called directly, on the same items in the same run.

    python benchmarks/verifiers/verify.py  # real rollouts where they lie beside the checkout, else written pairs
    python benchmarks/verifiers/verify.py --pairs 500 --rollouts 500

`golds and pairs`: every distinct reference against itself and every distinct (reference, answer) pair that differs in
spelling. `pairs with a formula`: those of them that no plain number decides. `whole rollouts`: completions as they came,
drawn at random, each with its problem. "cold" starts with empty memories and includes starting and ending the worker
processes; "warm" repeats the run. CPU seconds count the workers' too: on a busy machine they are the fair measure.
Verdict objects are included everywhere.
"""

import argparse
import gc
import json
import logging
import random
import re
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import _lru_cache_wrapper
from pathlib import Path
from typing import Any

from rollmill.ground.records import Completion, Message, Problem
from rollmill.pipelines.verify.mathematics import MathVerifier
from rollmill.pipelines.verify.number import NumberVerifier

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ROLLOUTS = DATA / "mathcoder_rollouts.parquet"
WRITTEN = [
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt2}"),
    ("12 3 0", "12, 3, 0"),
    (r"(x+1)^2", "x^2+2x+1"),
    (r"(\frac{11}{2},-1,1)", "(5.5,-1,1)"),
    (r"\sin 2x", r"2\sin x\cos x"),
    ("x=3", "3"),
    (r"(-\infty,2)\cup(2,\infty)", r"x \ne 2"),
]
_PLAIN = re.compile(r"[-+]?[\d,]*\.?\d+\Z")
REPEATS = 5
Items = list[tuple[Problem, Completion]]


def main() -> None:
    """Measure and print one table and one JSON line per kind of item."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=4_000)
    parser.add_argument("--rollouts", type=int, default=2_000)
    options = parser.parse_args()
    short = short_completions()
    with NumberVerifier() as number:
        report("7,000 short completions", {"number": median(lambda: list(number.verify_many(short)), len(short))})
    if not ROLLOUTS.exists():
        written = as_items(written_pairs(options.pairs))
        return report(f"{len(written)} written pairs", compared(written))
    pairs, rows = real_pairs(), rollouts()
    golds = [(reference, reference) for reference in sorted({problem.reference for problem, _ in rows})]
    formulas = [pair for pair in pairs if not all(_PLAIN.match(side) for side in pair)]
    drawn = random.Random(7).sample(rows, min(options.rollouts, len(rows)))
    for name, items in (
        ("golds and pairs", as_items((golds + pairs)[: options.pairs])),
        ("pairs with a formula", as_items(formulas[: options.pairs])),
        ("whole rollouts", drawn),
    ):
        report(f"{len(items)} {name}", compared(items))
    report(f"all {len(rows)} rollouts", {"math, cold": cold(rows)})
    return None


def compared(items: Items) -> dict[str, dict[str, float]]:
    """Our `math`, cold and warm, and the library on the same items."""
    rates = {"math, cold": cold(items)}
    with MathVerifier() as ours:
        list(ours.verify_many(items))
        rates["math, warm"] = median(lambda: list(ours.verify_many(items)), len(items))
    rates["math-verify directly"] = measured(lambda: directly(items), len(items))
    return rates


def cold(items: Items) -> dict[str, float]:
    """The median of runs that start with nothing remembered and no process, their start and end included."""

    def once() -> None:
        with MathVerifier() as ours:
            for _ in ours.verify_many(items):
                pass

    return median(once, len(items), before=clear_caches)


def clear_caches() -> None:
    """Empty every memory that our modules keep."""
    for kept in gc.get_objects():
        if isinstance(kept, _lru_cache_wrapper) and getattr(kept, "__module__", "").startswith("rollmill.pipelines.verify"):
            kept.cache_clear()


def completion(name: str, text: str, messages: tuple[Message, ...] | None = None) -> Completion:
    """A completion that is nothing but its text."""
    return Completion(name, "p", "benchmark", "m", "", "curate", 0, None, text, "stop", messages=messages)


def short_completions() -> Items:
    """Typical items of a run: a few step lines and `#### answer`."""
    texts = ((i, f"{i} + 37 = {i + 37}\n{i + 37} - 12 = {i + 25}\n#### {i + 25 + i % 2}") for i in range(7_000))
    return [(Problem("How many?", str(i + 25)), completion(str(i), text)) for i, text in texts]


def real_pairs() -> list[tuple[str, str]]:
    """Distinct (reference, answer) pairs of the MathCoder rollouts that differ as strings and are short."""
    import pyarrow.parquet as pq

    pairs: dict[tuple[str, str], None] = {}
    for row in pq.read_table(ROLLOUTS, columns=["reference", "messages"]).to_pylist():
        last = json.loads(row["messages"])[-1]
        answer = last["content"].strip()
        if last["role"] == "text" and len(answer) < 60 and answer != row["reference"]:
            pairs.setdefault((row["reference"], answer))
    return list(pairs)


def rollouts() -> Items:
    """Every real rollout: MathCoder's with their turns, those of GSM8K and MATH as whole solutions."""
    import pyarrow.parquet as pq

    items: Items = []
    for index, row in enumerate(pq.read_table(ROLLOUTS).to_pylist()):
        turns = tuple(Message("assistant", turn["content"], turn["role"]) for turn in json.loads(row["messages"]))
        items.append((Problem(row["prompt"], row["reference"]), completion(str(index), turns[-1].content, turns)))
    for name in ("gsm8k", "math"):
        lines = map(json.loads, (DATA / f"{name}_problems.jsonl").read_text().splitlines())
        problems = {row["id"]: Problem(row["prompt"], row["reference"]) for row in lines}
        for row in map(json.loads, (DATA / f"{name}_rollouts.jsonl").read_text().splitlines()):
            items.append((problems[row["problem_id"]], completion(f"{name}{len(items)}", row["text"])))
    return items


def written_pairs(count: int) -> list[tuple[str, str]]:
    """The written pairs with a number added to each side, so that all are distinct."""
    return [(f"{g}+{i}", f"{a}+{i}") for i in range(count // len(WRITTEN) + 1) for g, a in WRITTEN][:count]


def as_items(pairs: list[tuple[str, str]]) -> Items:
    """Pairs as problems and completions, the answer in a box."""
    return [(Problem("Find it.", g), completion(str(i), f"\\boxed{{{a}}}")) for i, (g, a) in enumerate(pairs)]


def directly(items: Items) -> list[bool]:
    """The library as its README shows it, in this process, with its own time limits."""
    logging.disable(logging.CRITICAL)
    from math_verify import parse, verify

    def judge(problem: Problem, given: Completion) -> bool:
        return bool(verify(parse(f"${problem.reference}$"), parse(given.text)))

    judge(*items[0])
    return [judge(problem, given) for problem, given in items]


def measured(work: Callable[[], Any], count: int) -> dict[str, float]:
    """Items a second by the clock and by CPU time, ours and our children's."""
    with timed() as spent:
        work()
    return {"per_second": count / spent["wall"], "per_cpu_second": count / spent["cpu"]}


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Wall and CPU seconds of a block, this process and the children it has collected, into the dict it yields."""
    spent: dict[str, float] = {}
    gc.collect()
    cpu, wall = cpu_seconds(), time.perf_counter()
    yield spent
    spent["wall"], spent["cpu"] = time.perf_counter() - wall, max(cpu_seconds() - cpu, 1e-6)


def median(work: Callable[[], Any], count: int, *, before: Callable[[], None] = lambda: None) -> dict[str, float]:
    """The median of five runs, each rate on its own."""
    rates = []
    for _ in range(REPEATS):
        before()
        rates.append(measured(work, count))
    return {key: statistics.median(rate[key] for rate in rates) for key in rates[0]}


def cpu_seconds() -> float:
    """User and system time of this process and of the children it has collected."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def report(title: str, rates: dict[str, dict[str, float]]) -> None:
    """A table with ratios to the library where it ran, and the same as JSON."""
    base = rates.get("math-verify directly")
    print(f"{title:30}{'a second':>12}{'a CPU second':>14}")
    for name, rate in rates.items():
        ratio = f"{rate['per_cpu_second'] / base['per_cpu_second']:>10.1f}x" if base else ""
        print(f"  {name:28}{rate['per_second']:>12,.0f}{rate['per_cpu_second']:>14,.0f}{ratio}")
    rounded = {name: {key: round(value, 1) for key, value in rate.items()} for name, rate in rates.items()}
    print(json.dumps({title: rounded}))


if __name__ == "__main__":
    main()
