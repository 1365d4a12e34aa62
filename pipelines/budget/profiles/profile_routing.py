"""Rule `profile` of budget `router`: half of the problems test every step, the others go where most is expected.

Round by round: the prefix of every problem; `entry` completions of each test problem on every other step, which makes the
steps' profiles; of each other problem, `entry` completions on the step with the largest chance less `token_price` times its
thousands of tokens (rollmill.pipelines.budget.profiles.capability). A share `explore` of the others is drawn on every step,
which measures the chances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rollmill.pipelines.budget.halves import halves_of
from rollmill.pipelines.budget.profiles.capability import Capability, Group, ProfileResult, profiles_of
from rollmill.pipelines.budget.rounds import in_random_holdout
from rollmill.pipelines.budget.routing import Evidence, Next, Proposal, RoutingOptions, steps_of
from rollmill.roles.tallies import Stop, Tally

ROUTED = "routed"


class ByProfile:
    """Plans the next draws of one round. `costs`: cost of a token by step; 1 for a step that is absent."""

    def __init__(
        self, options: RoutingOptions, tallies: Sequence[Tally], costs: Mapping[str, float], explore: float
    ) -> None:
        self.options, self.costs, self.explore = options, costs, explore
        # Split by problem, not template: chances are learned by template, and each must be tested for its other problems.
        self.test = {
            tally.problem_id for tally in halves_of([replace(each, template=None) for each in tallies], options.salt).choose
        }
        self.tested = [tally for tally in tallies if tally.problem_id in self.test]

    def proposals(self, going: Sequence[Tally]) -> list[Next]:
        """Next moves of these problems: first the tests, then, with what they showed, the others."""
        lacking = [move for tally in going if tally.problem_id in self.test for move in self._lacking(tally)]
        # Nobody is routed before all tests are drawn, or the profiles would rest on some of them.
        if lacking:
            return list(lacking)
        done: list[Next] = [Stop(tally.problem_id, "trial_cap") for tally in going if tally.problem_id in self.test]
        others = [tally for tally in going if tally.problem_id not in self.test]
        if not others or not self.tested:
            return done + [Stop(tally.problem_id, "trial_cap") for tally in others]
        worth = Worth(self.options, self.tested, self.costs)
        return done + [move for tally in others for move in self._routed(tally, worth)]

    def _lacking(self, tally: Tally) -> list[Proposal]:
        """The completions of a problem that steps lack, all of a step or none."""
        return [
            Proposal(tally, place, self.options.entering, whole=True)
            for place, step in enumerate(steps_of(tally))
            if not step.drawn
        ]

    def _routed(self, tally: Tally, worth: "Worth") -> list[Next]:
        values = worth.of(tally)
        # Of steps of equal value the earlier one.
        place = max(range(len(values)), key=lambda at: (values[at][0], -at))
        step = steps_of(tally)[place]
        wanted = self._lacking(tally)
        if not in_random_holdout(tally.problem_id, self.options.salt, self.explore):
            wanted = [move for move in wanted if move.place == place]
        evidence: Evidence = {"step": step.name, "chance": round(values[place][1], 6), "price": round(values[place][2], 6)}
        return list(wanted) or [Stop(tally.problem_id, ROUTED, evidence)]


class Worth:
    """The value of each step for a problem, from the test problems."""

    def __init__(self, options: RoutingOptions, tested: Sequence[Tally], costs: Mapping[str, float]) -> None:
        self.price = options.token_price
        names = [step.name for step in steps_of(tested[0])]
        rows = [
            ProfileResult(step.name, group_of(tally), step.correct, step.correct + step.incorrect + step.unparsed)
            for tally in tested
            for step in steps_of(tally)
        ]
        self.capability, self.profiles = Capability.fit(rows), profiles_of(rows)
        drawn = {name: [steps_of(tally)[place] for tally in tested] for place, name in enumerate(names)}
        self.thousands = {
            name: costs.get(name, 1.0)
            * sum(step.tokens for step in steps)
            / max(1, sum(step.drawn for step in steps))
            / 1000
            for name, steps in drawn.items()
        }

    def of(self, tally: Tally) -> list[tuple[float, float, float]]:
        """(value, chance, price) of each step: the price is in pass rate."""
        group, values = group_of(tally), []
        for name, profile in self.profiles.items():
            chance, price = self.capability.chance(profile, group), self.price * self.thousands[name]
            values.append((chance - price, chance, price))
        return values


def group_of(tally: Tally) -> Group:
    """The kind of a problem: its template, or else its level."""
    return tally.template if tally.template is not None else None if tally.level is None else f"level {tally.level}"
