"""Set method `best`: the units with the largest value of one signal. It tends to keep the longest or the easiest rows."""

from rollmill.pipelines.mix.table import ChosenUnits, MixUnits, units_by_value, units_that_fit


class Best:
    """The top of one signal; units without a value come last.

    `by`: the signal. `ascending`: take the smallest values.
    """

    name, version = "best", "1"

    def __init__(self, by: str, *, ascending: bool = False) -> None:
        self.by, self.ascending = by, ascending

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """The first units by value, ties by id."""
        del seed
        values = table.number(self.by, missing=float("inf") if self.ascending else float("-inf"))
        return ChosenUnits(units_that_fit(units_by_value(table, -values if self.ascending else values), table, size))
