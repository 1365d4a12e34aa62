"""Subject of Compare: the models and benchmarks of an evaluation, dataset or run, each with its rollouts in Explore."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollmill.dashboards.session.address import explore_link
from rollmill.dashboards.session.kept import State, kept_by, state_of
from rollmill.dashboards.session.scope import reader
from rollmill.storage.queries import Reader
from rollmill.storage.queries.comparisons.sides import Side, parted, sides_of, sides_of_two

AS_THEY_ARE = "as they are"
COLUMNS = ("source", "level", "skill", "template")
Row = Mapping[str, Any]
Links = Mapping[tuple[str, str], str]


AND = " and "  # between two names: none of them holds a blank


@dataclass(frozen=True, slots=True)
class ComparedSubject:
    """Subject of a comparison: an evaluation, dataset or run, or two of them, and the column that separates its benchmarks.

    `name`: its name, or the two with AND between them.
    """

    name: str
    split: str
    state: State

    def kept(self, query: Callable[..., Any], *arguments: Any) -> Any:
        """Cached result of `query(reader, name, split, *arguments)`, by the state of the subject."""
        return kept_by(self.state, reader(), query, self.name, self.split, *arguments)


def splits(source: Reader, name: str) -> list[str]:
    """Columns that can separate benchmarks; the first is the default: sources if one benchmark has several of them."""
    sides = read_sides(source, name, AS_THEY_ARE)
    known = [column for column in COLUMNS if any(len(set(side.pool.strata.get(column, ())) - {None}) > 1 for side in sides)]
    several = len({side.benchmark for side in sides}) > 1 or "source" not in known
    return [AS_THEY_ARE, *known] if several else ["source", AS_THEY_ARE, *known[1:]]


def read_sides(source: Reader, name: str, split: str) -> list[Side]:
    """Every model on every benchmark; the rollouts are read once, whatever the split."""
    state = subject_state(source, name)
    return kept_by(state, source, _sides, name) if split == AS_THEY_ARE else kept_by(state, source, _parted, name, split)


def subject_state(source: Reader, name: str) -> State:
    """Cache key of answers about a subject."""
    return tuple(state_of(source, part) for part in name.split(AND))


def _sides(source: Reader, name: str) -> list[Side]:
    first, _, second = name.partition(AND)
    return sides_of_two(source, first, second) if second else sides_of(source, first)


def _parted(source: Reader, name: str, split: str) -> list[Side]:
    return parted(read_sides(source, name, AS_THEY_ARE), split)


def scope_of(side: Side) -> str:
    """The run or version of a side."""
    return side.reference.partition(":")[0]


def links_of(source: Reader, name: str, split: str) -> dict[tuple[str, str], str]:
    """The address in Explore of the rollouts of each model on each benchmark."""
    links = {}
    for side in read_sides(source, name, split):
        group = {split: side.benchmark} if split in COLUMNS else {}
        of = f"{'version' if '@' in scope_of(side) else 'run'} {scope_of(side)}"
        links[side.model, side.benchmark] = explore_link(of, rows="rollouts", model=sorted(side.models), **group)
    return links


def linked(rows: Sequence[Row], links: Links) -> list[Row]:
    """Rows of a model and a benchmark with the address of their rollouts."""
    return [{**row, "link": links[row["model"], row["benchmark"]]} for row in rows]
