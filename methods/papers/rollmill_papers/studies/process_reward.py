"""The measure `process_reward`: a head on hidden states that judges each line of a solution, trained on labelled lines.

A process reward model (Lightman et al. 2023, arXiv:2305.20050; Wang et al. 2024, Math-Shepherd): the score of a solution is
that of its worst line, and the best of N solutions is the one with the highest score. Rows are those of the export
`process_labels`: a prompt, the text before a line, the line, and its label; here a line is wrong if its calculation is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rollmill.methods import (
    Bench,
    Doubles,
    Estimate,
    LinearHead,
    Measured,
    Problem,
    ReadingModel,
    checked_count,
    checked_positive,
    steps_of,
    trained_head,
)
from rollmill_papers.studies.probes import Solutions, auroc_less_half, judged_sets, mean_over


class ProcessReward:
    """Effect `auroc of lines less .5`. Effects `best - random` and `best - majority`: accuracy of the solution that the
    head prefers among N, minus that of a random solution, and minus that of the most frequent answer.

    `problems`: test problems; the head is trained on twice as many. `samples`: solutions of each problem, N. `levels`:
    levels of the problems. `ridge`: weight of the ridge penalty on the head's weights.
    """

    name, version = "process_reward", "1"

    def __init__(
        self, problems: int = 120, samples: int = 8, levels: Sequence[int] = (5, 6, 7, 8), ridge: float = 30.0
    ) -> None:
        self.problems = checked_count("measure", self.name, "problems", problems, least=2)
        self.samples = checked_count("measure", self.name, "samples", samples, least=2)
        checked_positive("measure", self.name, "ridge", ridge)
        self.levels, self.ridge = tuple(levels), ridge

    def measure(self, bench: Bench) -> Measured:
        """Train the head on lines of the training templates; test it on unseen instances, intervals over templates."""
        reading = ReadingModel.open(bench.one_model().folder)
        problems, solutions = judged_sets(bench, self.problems, self.samples, self.levels)
        rows = labelled_lines(problems["train"], solutions["train"])
        head = trained_head(states_of_lines(reading, rows), _labels(rows), self.ridge)
        tested = labelled_lines(problems["heldout"], solutions["heldout"])
        effects = {"auroc of lines less .5": _auroc(head(states_of_lines(reading, tested)), tested)}
        pairs = zip(problems["heldout"], solutions["heldout"], strict=True)
        scores = [solution_scores(reading, head, problem, texts) for problem, texts in pairs]
        chosen = best_of_n(scores, solutions["heldout"])
        templates = [problem.template for problem in problems["heldout"]]
        for name, gain in chosen.items():
            effects[name] = mean_over(gain, templates, f"{name} of {self.samples} solutions")
        return Measured(effects)


def labelled_lines(problems: Sequence[Problem], solutions: Solutions) -> list[Mapping[str, Any]]:
    """Rows of `process_labels`: lines with a calculation, labelled 1 where it is true and 0 where it is not."""
    rows: list[Mapping[str, Any]] = []
    for problem, texts in zip(problems, solutions, strict=True):
        for text, _ in texts:
            before = ""
            for line in text.splitlines(keepends=True):
                steps = steps_of(line)
                if steps:
                    label = float(all(step.true for step in steps))
                    row = {"prompt": str(problem.prompt), "prefix": before, "line": line.rstrip("\n"), "label": label}
                    rows.append({**row, "problem_id": problem.id, "template": problem.template})
                before += line
    return rows


def states_of_lines(reading: ReadingModel, rows: Sequence[Mapping[str, Any]]) -> Doubles:
    """The hidden state after the last token of each line, (lines, width)."""
    texts = [reading.encoded(row["prompt"], row["prefix"] + row["line"]) for row in rows]
    return np.asarray([states[-1] for states in reading.states(texts)])  # before the end token: after the line's last


def solution_scores(
    reading: ReadingModel, head: LinearHead, problem: Problem, texts: Sequence[tuple[str, bool]]
) -> list[float]:
    """The lowest score of a line of each solution; 0 without a calculation."""
    scores = []
    for text in texts:
        rows = labelled_lines([problem], [[text]])
        scores.append(float(head(states_of_lines(reading, rows)).min()) if rows else 0.0)
    return scores


def best_of_n(scores: Sequence[Sequence[float]], solutions: Solutions) -> dict[str, Doubles]:
    """Gains of each problem: 1 if the best by score is right, less the share of right ones, and less the majority."""
    gains: dict[str, list[float]] = {"best - random": [], "best - majority": []}
    for own, texts in zip(scores, solutions, strict=True):
        right = np.asarray([is_right for _, is_right in texts], dtype=float)
        best = right[np.asarray(own) == max(own)].mean()
        answers = [text.rpartition("####")[2].strip() for text, _ in texts]
        votes = np.asarray([answers.count(answer) for answer in answers])
        gains["best - random"].append(best - right.mean())
        gains["best - majority"].append(best - right[votes == votes.max()].mean())
    return {name: np.asarray(values) for name, values in gains.items()}


def _labels(rows: Sequence[Mapping[str, Any]]) -> Doubles:
    return np.asarray([row["label"] for row in rows])


def _auroc(scores: Doubles, rows: Sequence[Mapping[str, Any]]) -> Estimate:
    templates = [row["template"] for row in rows]
    return auroc_less_half(scores, _labels(rows) == 1.0, templates, without="all true or all wrong")
