"""Rewards a second and the time of a batch: `rollmill.reward` beside TRL's `accuracy_reward` and verl's `math_reward`, and
the verifier `code` beside a server that runs programs as SandboxFusion does (benchmarks/peers/run_code_server.py).

    .venv-trainers/bin/python benchmarks/verifiers/rewards.py   # after `make test-train`; without the trainers ours alone
    .venv/bin/python benchmarks/verifiers/rewards.py --only code   # needs bubblewrap

The same rows in batches, all subjects in one process and in turn, from one thread, then from eight; the server from eight.
TRL's is slower in threads by design: math-verify's time limits work on the main thread only. Every pass
has rows of its own, so that nothing is remembered. Hostile texts, those of `certify`, are
asked one by one in a child process, which is killed if it says nothing for a while.

Programs are CodeT's samples of HumanEval beside the checkout, else those of `certify`. Each side runs eight at once with
its default limits: an endless one takes `code` 5 s of processor time, and the server 10 s by the clock or until an assert
fails. So programs of less than a second are measured apart. Hostile ones go through `certify` with a limit of one second.
"""

import argparse
import gzip
import json
import logging
import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rollmill
from benchmarks.peers.run_code_server import RunCodeServer
from benchmarks.verifiers.certify import LIMITS, report
from benchmarks.verifiers.verify import DATA, ROLLOUTS, Items, as_items, completion, rollouts, written_pairs
from rollmill.ground.records import Problem
from rollmill.pipelines.certify.certificate import Certificate
from rollmill.pipelines.certify.certification import certify
from rollmill.pipelines.certify.suite_rows import HOSTILE, SuiteRow
from rollmill.pipelines.certify.suites import SUITES, select_suite
from rollmill.pipelines.certify.verifier_process import VerifierUnderTest
from rollmill.pipelines.verify.code.code_verifier import CodeVerifier

THREADS, SILENT, SOON = 8, 60.0, 1.0
TASKS, SAMPLES = (DATA / f"codet_{name}.jsonl.gz" for name in ("humaneval", "codegen16b_solutions"))
Row = tuple[str, str]
"""(text, reference)."""
WARM: list[Row] = [(rf"\boxed{{\sin {n}x}}", rf"2\sin {n}x") for n in range(2, 18)]
Subject = Callable[[Sequence[Row]], list[float | None]]


def main() -> None:
    """Measure and print a table of speed and one of false accepts, each also as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_024)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--longest", type=int, default=2_000, help="characters of a hostile text")
    parser.add_argument("--only", choices=("math", "code"))
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if options.only != "code":
        measure_math(options)
    if options.only != "math":
        measure_code(options)


def measure_math(options: argparse.Namespace) -> None:
    """The tables of answers."""
    parts = sampled(options.rows, 2 * options.passes)
    speeds: dict[str, list[tuple[float, float]]] = {}
    with ExitStack() as stack:
        subjects = {name: stack.enter_context(make()) for name, make in MAKERS.items() if there(name)}
        for subject in subjects.values():
            subject(WARM)  # imports and worker processes
        for number, rows in enumerate(parts):
            batches = [rows[start : start + options.batch] for start in range(0, len(rows), options.batch)]
            threads = (1, THREADS)[number % 2]
            for name, subject in subjects.items():
                if name != SERVED or threads > 1:
                    speeds.setdefault(f"{name}, {threads} threads", []).append(speed(subject, batches, threads))
    print_speeds(speeds, options.rows, options.batch, "trl accuracy_reward, 1 threads")
    print_hostile(options.longest)


def measure_code(options: argparse.Namespace) -> None:
    """The tables of programs: those that end soon, then all, with endless ones up to their limits; then hostile ones."""
    parts = sampled_programs(options.rows, options.passes)
    with (
        closing(CodeVerifier(workers=THREADS)) as ours,
        closing(RunCodeServer()) as peer,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        sides: dict[str, Callable[[Items], Any]] = {
            "rollmill code": ours.verify_many,
            peer.name: lambda items: pool.map(peer.verify, *zip(*items, strict=True)),
        }
        spent = [[verdict.seconds or 0.0 for verdict in ours.verify_many(part)] for part in parts]
        soon = [
            [item for item, seconds in zip(*pair, strict=True) if seconds < SOON] for pair in zip(parts, spent, strict=True)
        ]
        for name, sets in ((f"programs of less than {SOON:g} s", soon), ("all programs", parts)):
            print(f"\n{name}: {sum(map(len, sets)):,}")
            compare_sides(sides, sets, options.batch)
    subjects = [
        VerifierUnderTest("code", {"cpu_seconds": 1.0}),
        VerifierUnderTest("benchmarks.peers.run_code_server:RunCodeServer", {"seconds": 1.0}),
    ]
    report("code, hostile programs", [certified(subject) for subject in subjects])


def compare_sides(sides: Mapping[str, Callable[[Items], Any]], parts: Sequence[Items], batch: int) -> None:
    """Speeds of both sides in turn on the same batches, and how many programs each rewards."""
    speeds: dict[str, list[tuple[float, float]]] = {}
    rewarded: dict[str, list[bool]] = {name: [] for name in sides}
    for items in parts:
        batches = [items[start : start + batch] for start in range(0, len(items), batch)]
        for name, judge in sides.items():

            def keep(part: Items, judge: Any = judge, kept: list[bool] = rewarded[name]) -> None:
                kept += [verdict.outcome == "correct" for verdict in judge(part)]

            speeds.setdefault(name, []).append(speed(keep, batches, 1))
    print_speeds(speeds, len(parts[0]), batch, RunCodeServer.name)
    differ = sum(one != other for one, other in zip(*rewarded.values(), strict=True))
    print(f"rewarded: { {name: sum(kept) for name, kept in rewarded.items()} }; the two differ in {differ}")


def certified(subject: VerifierUnderTest) -> tuple[Certificate, float]:
    """Certificate of a verifier on the hostile programs, with its seconds."""
    begun = time.perf_counter()
    made = certify(subject, lambda _: select_suite("code", "code", None, HOSTILE), limits=LIMITS)
    return made, time.perf_counter() - begun


def sampled_programs(count: int, parts: int) -> list[Items]:
    """Disjoint parts of a model's programs where they lie beside the checkout, else of those of `certify`, repeated."""
    rows = [row for row in SUITES["code"]({}).rows if row.section in ("equivalence", "non_equivalence")]
    rows = list(drawn_programs()) if SAMPLES.exists() else rows * (count * parts // len(rows) + 1)
    drawn = random.Random(7).sample(rows, min(count * parts, len(rows)))
    items = [
        (Problem(row.prompt, "", "code", row.tests, meta=row.meta), completion(str(number), row.text))
        for number, row in enumerate(drawn)
    ]
    return [items[number::parts] for number in range(parts)]


def drawn_programs() -> Iterator[SuiteRow]:
    """CodeGen's programs for HumanEval, as CodeT drew them."""
    tasks, samples = (
        [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()] for path in (TASKS, SAMPLES)
    )
    drawn = {row["prompt"]: row["samples"] for row in samples}
    for task in tasks:
        meta = {"entry_point": task["entry_point"]}
        for sample in drawn.get(task["prompt"], ()):
            text = task["prompt"] + sample
            yield SuiteRow("equivalence", "drawn", "", text, "any", task["prompt"], "code", (task["test"],), meta)


def sampled(count: int, parts: int) -> list[list[Row]]:
    """Disjoint parts of real rollouts where they lie beside the checkout, else of written pairs."""
    items = rollouts() if ROLLOUTS.exists() else as_items(written_pairs(count * parts))
    drawn = random.Random(7).sample(items, min(count * parts, len(items)))
    rows = [(given.text, problem.reference) for problem, given in drawn]
    return [rows[number::parts] for number in range(parts)]


def speed(subject: Callable[[Any], Any], batches: Sequence[Sequence[Any]], threads: int) -> tuple[float, float]:
    """(rows a second, 99th percentile of a batch's seconds)."""

    def one(batch: Sequence[Any]) -> float:
        begun = time.perf_counter()
        subject(batch)
        return time.perf_counter() - begun

    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        seconds = sorted(pool.map(one, batches) if threads > 1 else map(one, batches))
    rate = sum(map(len, batches)) / (time.perf_counter() - begun)
    return rate, seconds[min(len(seconds) - 1, int(0.99 * len(seconds)))]


@contextmanager
def ours() -> Iterator[Subject]:
    """The object as a reward function of TRL."""
    with rollmill.reward("math") as reward:
        yield lambda rows: reward([""] * len(rows), [text for text, _ in rows], reference=[truth for _, truth in rows])


@contextmanager
def as_verl() -> Iterator[Subject]:
    """Its shape for verl, one answer a call."""
    with rollmill.reward("math", undecided=0.0) as reward:
        score = reward.verl()
        yield lambda rows: [score("math", text, truth, {})["score"] for text, truth in rows]


@contextmanager
def served() -> Iterator[Subject]:
    """The server on loopback, asked with urllib."""
    import subprocess
    import urllib.request
    from urllib.parse import urlsplit

    command = [sys.executable, "-m", "rollmill", "reward", "serve", "math", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[2])
    assert server.stdout is not None
    printed = urlsplit(server.stdout.readline().split()[0])  # urllib does not read the secret in an address
    address = f"http://{printed.hostname}:{printed.port}{printed.path}"
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {printed.password}"}

    def ask(rows: Sequence[Row]) -> list[float | None]:
        body = json.dumps({"items": [{"completion": text, "reference": truth} for text, truth in rows]}).encode()
        request = urllib.request.Request(address, body, headers)
        with urllib.request.urlopen(request) as answer:
            return [one["value"] for one in json.load(answer)["rewards"]]

    try:
        yield ask
    finally:
        server.terminate()
        server.wait()


@contextmanager
def of_trl() -> Iterator[Subject]:
    """TRL's `accuracy_reward`, given conversations and solutions in dollars as its documentation has them."""
    from trl.rewards import accuracy_reward

    def ask(rows: Sequence[Row]) -> list[float | None]:
        turns = [[{"role": "assistant", "content": text}] for text, _ in rows]
        return list(accuracy_reward(turns, [f"${truth}$" for _, truth in rows]))

    yield ask


@contextmanager
def of_verl() -> Iterator[Subject]:
    """verl's `math_reward.compute_score`, one answer a call, as its reward manager asks."""
    from verl.utils.reward_score import math_reward

    yield lambda rows: [float(math_reward.compute_score(text, truth)) for text, truth in rows]


SERVED, SHAPED = "rollmill reward serve", "rollmill.reward.verl()"
MAKERS: dict[str, Any] = {
    "rollmill.reward": ours, SHAPED: as_verl, SERVED: served, "trl accuracy_reward": of_trl, "verl math_reward": of_verl
}  # fmt: skip


def there(name: str) -> bool:
    """True if the package of a subject is installed here."""
    from importlib.util import find_spec

    package = name.partition(" ")[0].partition(".")[0]
    found = package == "rollmill" or find_spec(package) is not None
    if not found:
        print(f"{name}: NOT RUN, {package} is not installed here", file=sys.stderr)
    return found


def print_speeds(speeds: dict[str, list[tuple[float, float]]], count: int, batch: int, beside: str) -> None:
    """Medians over the passes, and the rate as a multiple of one of them."""
    medians = {
        name: tuple(statistics.median(column) for column in zip(*each, strict=True)) for name, each in speeds.items()
    }
    base = medians.get(beside, (None, None))[0]
    print(
        f"{count} rows, batches of {batch}; beside: {beside}\n{'':36}{'rows/s':>10}{'p99 of a batch, s':>20}{'beside':>12}"
    )
    for name, (rate, worst) in medians.items():
        print(f"{name:36}{rate:>10,.0f}{worst:>20.3f}{f'{rate / base:>11.1f}x' if base else ''}")
    print(
        json.dumps(
            {name: {"rows_per_second": round(rate, 1), "p99": round(worst, 4)} for name, (rate, worst) in medians.items()}
        )
    )


def print_hostile(longest: int) -> None:
    """Of hostile texts that answer nothing right: how many each subject rewards, and how many never end."""
    rows = [row for row in SUITES["math"]({}).rows if row.section in HOSTILE and row.expected == "wrong"]
    short = [row for row in rows if len(row.text) <= longest]
    found = {name: hostile(name, short) for name in MAKERS if name not in (SERVED, SHAPED) and there(name)}
    print(f"\n{len(short)} hostile texts of at most {longest:,} characters")
    print(f"{'':24}{'rewarded':>10}{'no reward':>11}{'hung':>6}{'raised':>8}")
    for name, counts in found.items():
        print(f"{name:24}{counts['rewarded']:>10}{counts['none']:>11}{counts['hung']:>6}{counts['raised']:>8}")
    print(json.dumps(found))


def hostile(name: str, rows: Sequence[SuiteRow]) -> dict[str, int]:
    """Counts over the rows; a child that is silent for a minute is killed, and the next row begins in a new one."""
    counts = dict.fromkeys(("rewarded", "none", "hung", "raised"), 0)
    place = 0
    while place < len(rows):
        mine, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("spawn").Process(target=_answers, args=(theirs, name, rows[place:]))
        child.start()
        theirs.close()
        while place < len(rows):
            try:
                kind = mine.recv() if mine.poll(SILENT) else "hung"
            except EOFError:
                kind = "raised"
            place += 1
            if kind in counts:
                counts[kind] += 1
            if kind == "hung" or (kind == "raised" and not child.is_alive()):
                break
        child.kill()
        child.join()
    return counts


def _answers(pipe: Any, name: str, rows: Sequence[SuiteRow]) -> None:
    logging.disable(logging.CRITICAL)
    with MAKERS[name]() as subject:
        for row in rows:
            try:
                [value] = subject([(row.text, row.reference)])
            except Exception:
                pipe.send("raised")
                continue
            pipe.send("none" if value is None else "rewarded" if value >= 1.0 else "no")


if __name__ == "__main__":
    main()
