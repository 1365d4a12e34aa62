"""A training set of a million rows against a benchmark of a thousand problems: rows a second, peak memory, copies found.

    python benchmarks/problems/contamination.py [--rows 1000000] [--others 50000]

Half of the rows are problems, half are answers with their problem restated; one row in a thousand is an edited copy of a
benchmark problem. Beside it, over fewer rows: every row compared in full without the filter, plain 8-grams in sets, and
MinHash sketches of rensa. All in one process, in CPU seconds; rows are made a batch at a time and are not part of the time.
"""

import argparse
import random
import resource
import time
from collections.abc import Callable, Iterator

import pyarrow as pa

from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Problem
from rollmill.pipelines.contamination import BenchmarkIndex, Overlaps, ProblemText, Scan
from rollmill.pipelines.contamination.edits import EDITS, RENUMBERED
from rollmill.pipelines.select.near_duplicates import SketchIndex
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.splits import TRAIN_TEMPLATES
from rollmill.pipelines.synthesize.template import LEVELS, solution_text

BATCH = 20_000
PLANTED = 1_000  # one row in so many
EDITS_KEPT = [name for name in EDITS if name not in (RENUMBERED, "paraphrased")]
Row = tuple[str, str, str, bool]
"""(problem, answer, edit, whether the copy is in the answer)."""


def rows(count: int, benchmark: list[Problem], seed: int = 1) -> Iterator[Row]:
    """Training rows of templates that the benchmark has none of; in one of a thousand stands an edited copy."""
    rng = random.Random(seed)
    templates = [TEMPLATES[name]() for name in TRAIN_TEMPLATES]
    for number in range(count):
        template = rng.choice(templates)
        params = template.sample(rng.choice(LEVELS), rng)
        text, answer, edit = template.render(params, rng.randrange(3)), solution_text(template.solve(params)), ""
        inside = number % 2 == 1
        if number % PLANTED == 0:
            edit, inside = rng.choice(EDITS_KEPT), number % (2 * PLANTED) == 0
            copy = EDITS[edit](str(rng.choice(benchmark).prompt), rng)
            text, edit = (copy, edit) if copy else (text, "")
        yield text, f"{text}\n{answer}", edit, inside


def batches(count: int, benchmark: list[Problem]) -> Iterator[list[Row]]:
    """The rows some thousand at a time."""
    all_rows = rows(count, benchmark)
    while part := [row for row, _ in zip(all_rows, range(BATCH), strict=False)]:
        yield part


def scanned(count: int, benchmark: list[Problem]) -> tuple[float, float, float]:
    """(seconds, share of planted copies found, share of the other rows called leaks)."""
    scan, overlaps, seconds, planted = Scan(benchmark), Overlaps(), 0.0, set[str]()
    for number, part in enumerate(batches(count, benchmark)):
        ids = [f"{number}-{place}" for place in range(len(part))]
        planted |= {name for name, row in zip(ids, part, strict=True) if row[2]}
        prompted = [(name, row) for name, row in zip(ids, part, strict=True) if not row[3]]
        problems = pa.table(
            {
                "id": [name for name, _ in prompted],
                "prompt_id": [one for one, _ in prompted],
                "prompt": [canonical_json(row[0]) for _, row in prompted],
                "meta": ["{}"] * len(prompted),
            }
        )
        answered = [(one, row[1]) for one, row in zip(ids, part, strict=True) if row[3]]
        answers = pa.table({"id": [one for one, _ in answered], "text": [text for _, text in answered]})
        started = time.process_time()
        scan.problems([problems], overlaps)
        scan.completions([answers], overlaps)
        seconds += time.process_time() - started
    flagged = {hit.row for _, hit in overlaps.leaks}
    return seconds, len(flagged & planted) / len(planted), len(flagged - planted) / (count - len(planted))


def timed(count: int, benchmark: list[Problem], compare: Callable[[str, str, bool], bool]) -> tuple[float, float, float]:
    """The same of a comparison of single rows, and the share of the other rows that it flags."""
    seconds, planted, found, flagged = 0.0, 0, 0, 0
    for part in batches(count, benchmark):
        started = time.process_time()
        hits = [compare(text, answer, inside) for text, answer, _, inside in part]
        seconds += time.process_time() - started
        planted += sum(bool(row[2]) for row in part)
        found += sum(hit and bool(row[2]) for hit, row in zip(hits, part, strict=True))
        flagged += sum(hit and not row[2] for hit, row in zip(hits, part, strict=True))
    return seconds, found / planted, flagged / (count - planted)


def in_full(benchmark: list[Problem]) -> Callable[[str, str, bool], bool]:
    """Our comparison of every row, without the filter."""
    index = BenchmarkIndex(benchmark)

    def compare(text: str, answer: str, inside: bool) -> bool:
        hit = index.completion("", answer) if inside else index.problem(ProblemText("", "", text))
        return hit is not None and hit.overlap != "new numbers"

    return compare


def plain_grams(benchmark: list[Problem]) -> Callable[[str, str, bool], bool]:
    """A row is flagged when it shares any run of eight words."""

    def grams(text: str) -> set[tuple[str, ...]]:
        words = text.lower().split()
        return set(zip(*(words[start:] for start in range(8)), strict=False))

    known = set().union(*(grams(str(problem.prompt)) for problem in benchmark))
    return lambda text, answer, inside: not known.isdisjoint(grams(answer if inside else text))


def minhash(benchmark: list[Problem]) -> Callable[[str, str, bool], bool]:
    """Sketches of word 3-grams, confirmed exactly: a row is flagged from a Jaccard similarity of .7 on."""

    def features(text: str) -> frozenset[bytes]:
        words = text.lower().encode().split()
        return frozenset(b" ".join(words[start : start + 3]) for start in range(max(1, len(words) - 2)))

    known, sketches = [features(str(problem.prompt)) for problem in benchmark], SketchIndex(0.7)
    for number, one in enumerate(known):
        sketches.add(number, one)

    def compare(text: str, answer: str, inside: bool) -> bool:
        own = features(answer if inside else text)
        return any(len(own & known[near]) >= 0.7 * len(own | known[near]) for near in sketches.query(own))

    return compare


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--others", type=int, default=50_000)
    options = parser.parse_args()
    benchmark = list(SYNTHESIZERS["templates"](split="evaluation").synthesize(1_000, 7))
    Scan(benchmark)  # so that no import is timed
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, found, flagged = scanned(options.rows, benchmark)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ours = options.rows / seconds
    print(f"{options.rows:,} rows against {len(benchmark):,} problems: {seconds:.1f} CPU s, {ours:,.0f} rows/s")
    print(f"  {found:.3f} of the planted copies found, {flagged:.5f} of the other rows flagged")
    print(f"  peak {peak:,.0f} MiB, {before:,.0f} MiB before")
    for name, make in (("every row in full", in_full), ("plain 8-grams", plain_grams), ("rensa MinHash, .7", minhash)):
        seconds, found, flagged = timed(options.others, benchmark, make(benchmark))
        rate = options.others / seconds
        print(f"  {name:<18} {rate:>9,.0f} rows/s, ours is {ours / rate:.1f} times that;", end=" ")
        print(f"{found:.3f} found, {flagged:.5f} flagged")


if __name__ == "__main__":
    main()
