"""The synthesizer `grid`: problems of a version spread evenly over the cells of level, skill and length.

Cells take turns, and each gives its problems in an order that the seed decides; missing problems of a cell are made from
its own with other numbers, if their templates know the answer. A cell that has no more is left out of later turns.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.cells import AXES, Cell, cell_of
from rollmill.pipelines.synthesize.derived.lineage import chance, unchanged_problem
from rollmill.pipelines.synthesize.derived.new_numbers import renumbered
from rollmill.pipelines.synthesize.sources import Source, required

_VARIANTS = 20  # other numbers that are tried of each problem of a cell


class Grid:
    """`axes`: dimensions of the cells, from AXES. `fill`: whether a cell may be filled up with other numbers."""

    name = "grid"
    version = "1"

    def __init__(
        self, *, axes: Sequence[str] = ("level", "skill", "length"), fill: bool = True, source: Source | None = None
    ) -> None:
        """Take the options of a recipe.

        Args:
            axes: What the cells are made of: `level`, `skill`, `length`, `template`.
            fill: Fill a cell that has too few problems with renumbered ones.
        """
        self.axes, self.fill, self.source = checked_axes(axes, self.name), fill, source

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` problems, each cell as many as another as long as it has some."""
        cells: dict[Cell, list[Problem]] = defaultdict(list)
        for problem in required(self.source, self.name).problems:
            cells[cell_of(problem, self.axes)].append(problem)
        turns = {cell: self._of_cell(cell, members, seed) for cell, members in sorted(cells.items())}
        prompts: set[str] = set()
        while turns and budget:
            # A copy, as cells leave the turn inside the loop.
            for cell in list(turns):
                new = next((problem for problem in turns[cell] if problem.prompt_id not in prompts), None)
                if new is None:
                    del turns[cell]
                    continue
                prompts.add(new.prompt_id)
                yield new
                budget -= 1
                if not budget:
                    return

    def _of_cell(self, cell: Cell, members: list[Problem], seed: int) -> Iterator[Problem]:
        order = sorted(members, key=lambda problem: (chance(self.name, problem, seed).random(), problem.id))
        for problem in order:
            yield unchanged_problem(self.name, problem, seed, cell=list(cell))
        for turn in range(1, _VARIANTS + 1 if self.fill else 1):
            for problem in order:
                # Another seed in each turn, or the same numbers would come again.
                new = renumbered(problem, seed + turn, self.name, cell=list(cell))
                # Other numbers may change the length of the text, and with it the cell.
                if new is not None and cell_of(new, self.axes) == cell:
                    yield new


def checked_axes(axes: Sequence[str], name: str) -> tuple[str, ...]:
    """The axes; SetupError for an unknown axis, and for none."""
    for axis in axes:
        if axis not in AXES:
            raise unknown_name(f"axis of synthesizer {name!r}", str(axis), AXES)
    if not axes:
        raise SetupError(f"synthesizer {name!r}: axes is empty.", choices=AXES)
    return tuple(axes)
