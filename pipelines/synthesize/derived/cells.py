"""Cells of a set of problems: level x skill x length, and how well a set fills them (MAP-Elites, Mouret and Clune 2015)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rollmill.ground.records import Problem, Prompt

Cell = tuple[str, ...]
AXES = ("level", "skill", "length", "template")
LENGTHS = (20, 35, 60, 120)  # words at which a longer bin begins


@dataclass(frozen=True, slots=True)
class Elite:
    """The best problem of a cell and its score."""

    problem: Problem
    score: float


def cell_of(problem: Problem, axes: Sequence[str]) -> Cell:
    """The cell of a problem: a name for each axis, `-` if it has none."""
    words = len(_text(problem.prompt).split())
    bins = {
        "level": "-" if problem.level is None else str(problem.level),
        "skill": problem.skill or "-",
        "template": problem.template or "-",
        "length": f"{max(start for start in (0, *LENGTHS) if words >= start)}+",
    }
    return tuple(bins[axis] for axis in axes)


def best_of_cells(scored: Iterable[tuple[Problem, float]], axes: Sequence[str]) -> dict[Cell, Elite]:
    """The best problem of every cell; among equals the one with the smaller id, whatever the order."""
    elites: dict[Cell, Elite] = {}
    for problem, score in scored:
        cell, new = cell_of(problem, axes), Elite(problem, score)
        elite = elites.get(cell)
        if elite is None or (-new.score, new.problem.id) < (-elite.score, elite.problem.id):
            elites[cell] = new
    return elites


def filled(elites: Mapping[Cell, Elite]) -> tuple[int, float]:
    """(coverage, quality-diversity score): the cells that hold a problem, and the sum of their scores."""
    return len(elites), sum(elites[cell].score for cell in sorted(elites))


def _text(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else "\n".join(message.content for message in prompt)
