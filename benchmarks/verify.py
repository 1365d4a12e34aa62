"""Verification speed: our verifiers beside math-verify called directly, on the same pairs in the same run.

    python benchmarks/verify.py                  # real rollouts where they lie beside the checkout, else written pairs
    python benchmarks/verify.py --pairs 500

`number` judges 7,000 short completions; `math` and math-verify judge the same distinct (reference, answer) pairs, which
differ in spelling: all of them, and those with a formula. "cold" knows no answer and includes starting and ending the
worker processes; "warm" repeats the run. CPU seconds count the workers' too.
"""

import argparse
import json
import logging
import re
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.verify.answers.reading import read
from pipelines.verify.mathematics import MathVerifier
from pipelines.verify.number import NumberVerifier
from storage.records import Completion, Problem

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "mathcoder_rollouts.parquet"
WRITTEN = [
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt2}"),
    ("12 3 0", "12, 3, 0"),
    (r"(x+1)^2", "x^2+2x+1"),
    (r"(\frac{11}{2},-1,1)", "(5.5,-1,1)"),
    (r"\sin 2x", r"2\sin x\cos x"),
    ("x=3", "3"),
    (r"(-\infty,2)\cup(2,\infty)", r"x \ne 2"),
]
_FORMULA = re.compile(r"\\[a-z]|[(\[^]|\d[a-z]|,")
Items = list[tuple[Problem, Completion]]


def main() -> None:
    """Measure and print one table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2_000)
    options = parser.parse_args()
    pairs = real_pairs() if DATA.exists() else written_pairs(options.pairs)
    formulas = [pair for pair in pairs if any(map(_FORMULA.search, pair))]
    short = short_completions()
    with NumberVerifier() as number:
        rate = best(lambda: list(number.verify_many(short)), len(short))
    report("7,000 short completions", {"number": rate})
    for name, chosen in (("pairs", pairs), ("pairs with a formula", formulas)):
        items = as_items(chosen[: options.pairs])
        report(f"{len(items)} {name}", compared(items))


def compared(items: Items) -> dict[str, dict[str, float]]:
    """Our `math`, cold and warm, and the library on the same items."""
    read.cache_clear()
    rates = {"math, cold": measured(lambda: run_and_close(items), len(items))}
    with MathVerifier() as ours:
        list(ours.verify_many(items))
        rates["math, warm"] = best(lambda: list(ours.verify_many(items)), len(items))
    rates["math-verify directly"] = measured(lambda: directly(items), len(items))
    return rates


def run_and_close(items: Items) -> None:
    """One run of a new verifier, its workers' start and end included."""
    with MathVerifier() as ours:
        list(ours.verify_many(items))


def completion(name: str, text: str) -> Completion:
    """A completion that is nothing but its text."""
    return Completion(name, "p", "benchmark", "m", "", "curate", 0, None, text, "stop")


def short_completions() -> Items:
    """What the mill verifies: a few step lines and `#### answer`."""
    texts = ((i, f"{i} + 37 = {i + 37}\n{i + 37} - 12 = {i + 25}\n#### {i + 25 + i % 2}") for i in range(7_000))
    return [(Problem("How many?", str(i + 25)), completion(str(i), text)) for i, text in texts]


def real_pairs() -> list[tuple[str, str]]:
    """Distinct (reference, answer) pairs of the MathCoder rollouts that differ as strings and are short."""
    import pyarrow.parquet as pq

    pairs: dict[tuple[str, str], None] = {}
    for row in pq.read_table(DATA, columns=["reference", "messages"]).to_pylist():
        last = json.loads(row["messages"])[-1]
        answer = last["content"].strip()
        if last["role"] == "text" and len(answer) < 60 and answer != row["reference"]:
            pairs.setdefault((row["reference"], answer))
    return list(pairs)


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

    return [judge(problem, given) for problem, given in items]


def measured(work: Callable[[], Any], count: int) -> dict[str, float]:
    """Pairs a second by the clock and by CPU time, ours and our children's."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    work()
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    return {"per_second": count / wall, "per_cpu_second": count / cpu if cpu else float("inf")}


def best(work: Callable[[], Any], count: int) -> dict[str, float]:
    """The best of three."""
    return max((measured(work, count) for _ in range(3)), key=lambda rate: rate["per_cpu_second"])


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
    print(
        json.dumps({title: {name: {key: round(value, 1) for key, value in rate.items()} for name, rate in rates.items()}})
    )


if __name__ == "__main__":
    main()
