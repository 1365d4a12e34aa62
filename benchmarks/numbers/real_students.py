"""A against A with real students: the shipped model trained on equal data with other orders, compared as a trial does.

    python -m benchmarks.numbers.real_students train --out FOLDER --students 120 --wrong 0
    python -m benchmarks.numbers.real_students train --out FOLDER --students 60 --wrong 0.2
    python -m benchmarks.numbers.real_students table --out FOLDER

`train` makes students one by one, seed by seed: a few steps on worked solutions of templates, of which a share is given
a wrong answer, then draws on held-out problems and the log-probability of their solutions. Each is a line of a file, so
that a stopped command goes on. `table` makes trials of them: disjoint ones, whose false alarms are independent, and random
ones.
"""

import argparse
import json
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.numbers.trials import lines
from rollmill.stats import TwoWay, draw_variance, pair_components, two_way
from rollmill.stats.clusters.intervals import clopper_pearson
from rollmill.stats.trials.counts import ArmCounts
from rollmill.stats.trials.design import Choices, Design, Expense, designs

Array = npt.NDArray[np.float64]
INIT = Path("models/rollmill-tiny")
ROWS, STEPS, BATCH, RATE = 600, 12, 16, 1e-3
PROBLEMS, SAMPLES, LEVELS = 60, 4, (1, 2, 3, 4, 5, 6)
SEEDS, RANDOM = 3, 2_000
MEASURES = ("pass@1", "log-prob of references")


class Students(NamedTuple):
    """Students that differ in their order of rows alone: correct draws of SAMPLES and log-probabilities, (students,
    problems); templates of the problems.
    """

    correct: Array
    logprobs: Array
    templates: Sequence[str]

    def measure(self, name: str) -> Array:
        """Cells of a measure, (students, problems)."""
        return self.correct / SAMPLES if name == MEASURES[0] else self.logprobs


def rows_with_errors(wrong: float) -> list[dict[str, str]]:
    """Training rows, of which a share ends with another answer than the right one."""
    from rollmill.pipelines.synthesize.splits import problems_for_training

    chance = random.Random(5)
    rows = []
    for number, (prompt, solution) in enumerate(problems_for_training(5, ROWS, LEVELS)):
        head, _, answer = solution.rpartition("#### ")
        bad = chance.random() < wrong and answer.isdecimal()
        text = f"{head}#### {int(answer) + chance.randint(1, 9)}" if bad else solution
        rows.append({"id": str(number), "problem_id": str(number), "prompt": prompt, "completion": text})
    return rows


def student(seed: int, rows: Path, folder: Path) -> dict[str, Any]:
    """One student, trained and measured."""
    from rollmill.pipelines.generate.direct import DirectSampler
    from rollmill.pipelines.generate.embedded.engine import Embedded
    from rollmill.pipelines.score.text_likelihood import Likelihood
    from rollmill.pipelines.synthesize.reference_solutions import reference_solution
    from rollmill.pipelines.synthesize.templates import Templates
    from rollmill.pipelines.train.learners.tiny import Tiny
    from rollmill.pipelines.train.losses import LOSSES
    from rollmill.pipelines.train.orders import ORDERS
    from rollmill.pipelines.train.roles import TrainingTask
    from rollmill.pipelines.train.scoring import count_samples
    from rollmill.pipelines.verify import VERIFIERS

    task = TrainingTask(rows, INIT, folder / "out", folder / "state", LOSSES["sft"](), ORDERS["shuffled"](), seed)
    Tiny(steps=STEPS, batch=BATCH, learning_rate=RATE, threads=1).train(task, lambda _report: None)
    problems = list(Templates(split="heldout", levels=LEVELS).synthesize(PROBLEMS, 41))
    engine = Embedded(model=str(task.out), threads=1)
    try:
        counts = count_samples(problems, SAMPLES, 41, engine, VERIFIERS["number"]())
        scorer = Likelihood(sampler=DirectSampler(engine))
        requests = [scorer.request(problem.prompt, str(reference_solution(problem))) for problem in problems]
        replies = scorer.sample(requests)
    finally:
        engine.close()
    scored = [replies[request.completion_id] for request in requests]
    return {
        "seed": seed,
        "correct": [one.correct for one in counts],
        "logprobs": [float(np.mean(one.logprobs or (np.nan,))) for one in scored],
        "templates": [problem.template for problem in problems],
    }


def train(out: Path, students: int, wrong: float) -> None:
    """Students that the file lacks, one after another."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"students-{wrong:g}.jsonl"
    done = {json.loads(line)["seed"] for line in path.read_text().splitlines()} if path.exists() else set()
    with tempfile.TemporaryDirectory() as scratch:
        rows = Path(scratch) / "rows.jsonl"
        rows.write_text("".join(json.dumps(row) + "\n" for row in rows_with_errors(wrong)), encoding="utf-8")
        for seed in range(students):
            if seed in done:
                continue
            folder = Path(scratch) / str(seed)
            folder.mkdir()
            row = student(seed + (0 if wrong == 0.0 else 100_000), rows, folder)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**row, "seed": seed}) + "\n")
            shutil.rmtree(folder)


def read(path: Path) -> Students:
    """The students of a file."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    correct, logprobs = (np.array([row[key] for row in rows], dtype=np.float64) for key in ("correct", "logprobs"))
    return Students(correct, logprobs, rows[0]["templates"])


def compared(before: Array, after: Array, measure: str) -> TwoWay:
    """The product's test of two arms of students."""
    found = two_way(after - before, bounded=measure == MEASURES[0])
    assert found is not None
    return found


def splits(count: int, seeds: int, repeats: int) -> Iterator[tuple[list[int], list[int]]]:
    """Two arms of students out of `count`: disjoint trials one after another, or `repeats` random ones."""
    if not repeats:
        for first in range(0, count - 2 * seeds + 1, 2 * seeds):
            yield list(range(first, first + seeds)), list(range(first + seeds, first + 2 * seeds))
    chance = np.random.default_rng(1)
    for _ in range(repeats):
        drawn = chance.permutation(count)[: 2 * seeds].tolist()
        yield drawn[:seeds], drawn[seeds:]


def alarms(students: Students, measure: str, seeds: int, repeats: int) -> tuple[int, int]:
    """False alarms of trials of equal arms, and how many trials there were; all others cover the true difference, 0."""
    cells = students.measure(measure)
    found = [compared(cells[one], cells[other], measure).p < 0.05 for one, other in splits(len(cells), seeds, repeats)]
    return sum(found), len(found)


def deviations(students: Students, measure: str) -> tuple[float, float]:
    """Standard deviation of a student's mean over problems, and of its part that is not the noise of draws."""
    cells = students.measure(measure)
    whole = float(cells.mean(axis=1).var(ddof=1))
    return whole**0.5, max(0.0, whole - within(measure, students) / cells.shape[1] / draws(measure)) ** 0.5


def draws(measure: str) -> int:
    """Draws in a cell."""
    return SAMPLES if measure == MEASURES[0] else 1


def within(measure: str, *arms: Students) -> float:
    """Variance of one draw, of these arms together; a log-probability is not drawn."""
    if measure != MEASURES[0]:
        return 0.0
    return draw_variance(*(ArmCounts(np.full_like(arm.correct, SAMPLES), arm.correct) for arm in arms))


def alarm_table(students: Students) -> str:
    """Of each measure and number of seeds: false alarms with their interval, and how much students differ."""
    rows: list[list[object]] = []
    for measure in MEASURES:
        for seeds in (SEEDS, 5):
            wrong, trials = alarms(students, measure, seeds, 0)
            often, many = alarms(students, measure, seeds, RANDOM)
            exact = clopper_pearson(wrong, trials)
            assert exact is not None
            shown = f"{wrong} of {trials} [{exact.low:.3f}, {exact.high:.3f}]"
            size = f"{seeds}x{students.correct.shape[1]}"
            rows.append([size, measure, shown, often / many, 1 - often / many, *deviations(students, measure)])
    head = ["seeds x problems", "measure", "false alarms, disjoint", "of random trials", "coverage"]
    return lines([*head, "deviation of a student", "without draws"], rows)


def planned(one: Students, other: Students, seeds: int, measure: str) -> Design:
    """The design of such a trial, from all of these students."""
    size = min(len(one.correct), len(other.correct))
    cells = other.measure(measure)[:size] - one.measure(measure)[:size]
    samples = draws(measure)
    parts = pair_components(cells, within=within(measure, one, other), samples=samples)
    choices = Choices([seeds], [cells.shape[1]], [samples])
    return designs(parts, choices, training=Expense(), completion=Expense())[0]


def power_table(right: Students, wrong: Students, share: str) -> str:
    """Of each measure and number of seeds: the effect of wrong rows over all students, and the trials that show it."""
    chance = np.random.default_rng(2)
    rows: list[list[object]] = []
    for measure in MEASURES:
        before, after = right.measure(measure), wrong.measure(measure)
        effect = float(after.mean() - before.mean())
        for seeds in (SEEDS, 5):
            arms = [[chance.permutation(len(cells))[:seeds] for cells in (before, after)] for _ in range(RANDOM)]
            found = [compared(before[one], after[other], measure) for one, other in arms]
            shown = float(np.mean([one.p < 0.05 for one in found]))
            covered = float(np.mean([one.change.low <= effect <= one.change.high for one in found]))
            design = planned(right, wrong, seeds, measure)
            size = f"{seeds}x{before.shape[1]}"
            rows.append([size, share, measure, effect, design.detectable, design.power(effect), shown, covered])
    head = ["seeds x problems", "wrong rows", "measure", "effect", "shown in .8", "planned power", "shown", "covered"]
    return lines(head, rows)


def main() -> None:
    """Train students, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("train", "table"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--students", type=int, default=120)
    parser.add_argument("--wrong", type=float, default=0.0)
    args = parser.parse_args()
    if args.verb == "train":
        train(args.out, args.students, args.wrong)
        return
    equal = read(args.out / "students-0.jsonl")
    print(f"{len(equal.correct)} students, pass@1 {equal.correct.mean() / SAMPLES:.3f}\n\n{alarm_table(equal)}\n")
    for path in sorted(args.out.glob("students-0.*.jsonl")):
        share = path.stem.partition("-")[2]
        print(f"{power_table(equal, read(path), share)}\n")


if __name__ == "__main__":
    main()
