"""Set method `uniform`: a random sample, the baseline of every other method."""

from rollmill.pipelines.mix.table import ChosenUnits, MixUnits, units_in_random_order, units_that_fit


class Uniform:
    """Every unit with the same probability."""

    name, version = "uniform", "1"

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """The first units of a seeded order."""
        return ChosenUnits(units_that_fit(units_in_random_order(table, seed), table, size))
