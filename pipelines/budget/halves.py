"""Halves of a recipe's problems: an arm is chosen on one and reported on the other.

Whole templates go into a half where there are four or more, else problems. They come in the order of their hashes, each
into the half that has fewer problems of its levels.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rollmill.ground.ids import digest128
from rollmill.roles.tallies import Tally

LEAST_UNITS = 4
"""Templates, and problems without one, below which problems are split and not templates."""


class ProblemHalves(NamedTuple):
    """Two halves of the problems. `choose`: the half that chooses, in the order in which every arm draws for them.
    `report`: the half that reports, by problem id.
    """

    choose: tuple[Tally, ...]
    report: tuple[Tally, ...]


def cluster_of(tally: Tally) -> tuple[str, str]:
    """The template of a problem; a problem without one is a cluster of its own."""
    return ("problem", tally.problem_id) if tally.template is None else ("template", tally.template)


def split_by(tallies: Sequence[Tally]) -> str:
    """`templates` or `problems`: the unit that is never in both halves."""
    return "templates" if len({cluster_of(tally) for tally in tallies}) >= LEAST_UNITS else "problems"


def halves_of(tallies: Sequence[Tally], salt: str = "") -> ProblemHalves:
    """The two halves, whatever the order of the tallies; another `salt` splits otherwise."""
    by_template = split_by(tallies) == "templates"
    units: dict[tuple[str, str], list[Tally]] = {}
    for tally in sorted(tallies, key=lambda tally: tally.problem_id):
        units.setdefault(cluster_of(tally) if by_template else ("problem", tally.problem_id), []).append(tally)
    sides: tuple[list[Tally], list[Tally]] = ([], [])
    levels: tuple[Counter[int | None], Counter[int | None]] = (Counter(), Counter())
    for unit in sorted(units, key=lambda unit: digest128(["half", salt, *unit])):
        members = units[unit]
        side = min((0, 1), key=lambda side: (sum(levels[side][each.level] for each in members), len(sides[side])))
        sides[side].extend(members)
        levels[side].update(each.level for each in members)
    choose = sorted(sides[0], key=lambda tally: digest128(["pull", salt, tally.problem_id]))
    return ProblemHalves(tuple(choose), tuple(sorted(sides[1], key=lambda tally: tally.problem_id)))
