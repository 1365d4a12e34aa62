"""What a budget is told of committed rounds, on each step too, and that what it says of its stops is stored."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rollmill.flows.rounds import decide, run_all
from rollmill.flows.rounds.planning.tallies import RowFacts, step_tallies, tallies_of
from rollmill.ground.records import Outcome, PlanRow, StopRow
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.roles.tallies import Draw, RoundPlan, StepTally, Stop, Tally
from tests.flows.rounds.toy import problems, spec, workspace


@dataclass
class Telling:
    """The fixed budget, with evidence on every stop, that remembers the tallies it was shown."""

    name = "fixed"
    version = "1"
    estimator = "prefix"
    prefix: int = 4
    shown: list[Sequence[Tally]] = field(default_factory=list)

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:
        self.shown.append(tallies)
        plan = Fixed(initial=self.prefix).plan(round_index, tallies)
        told: dict[str, dict[str, int | float | str]] = {
            tally.problem_id: {"drawn": tally.drawn, "why": "enough"} for tally in tallies
        }
        return replace(plan, stops=tuple(Stop(stop.problem_id, stop.reason, told[stop.problem_id]) for stop in plan.stops))


def test_tallies_name_level_and_template_and_count_the_tokens_of_all_rounds(tmp_path: Path) -> None:
    templated = [replace(problem, template="sum") for problem in problems()]
    with workspace(tmp_path) as ws, spec(problems=templated).open(ws) as part:
        run_all(part)
        rows = [row for plan in ws.runs.plans("toy-run") for row in plan]
        first = tallies_of(part, [row for row in rows if row.round == 0])
        tallies = tallies_of(part, rows)
        tokens = ws.segments.column("completions", "tokens_out", [row.completion_id for row in rows])
        by_problem = {tally.problem_id: tally for tally in tallies}
        assert sum(tally.tokens for tally in tallies) == sum(tokens.values()) == 207
        assert sum(tally.tokens for tally in first) == sum(tokens[row.completion_id] for row in rows if row.round == 0)
        for problem in templated:
            tally = by_problem[problem.id]
            mine = [tokens[row.completion_id] for row in rows if row.problem_id == problem.id]
            assert (tally.level, tally.template, tally.tokens) == (problem.level, "sum", sum(mine))


def test_a_fresh_command_is_told_the_same(tmp_path: Path) -> None:
    budget = Telling()
    with workspace(tmp_path) as ws, spec(budget=budget).open(ws) as part:
        run_all(part)
        rows = [row for plan in ws.runs.plans("toy-run") for row in plan]
    with workspace(tmp_path) as ws, spec(budget=budget).open(ws) as part:
        again = tallies_of(part, rows)
    assert [replace(tally, stopped=None) for tally in again] == budget.shown[-1]
    assert {tally.stopped for tally in again} == {"trial_cap"}


def test_evidence_is_stored_with_the_stop(tmp_path: Path) -> None:
    pair = problems(2)
    with workspace(tmp_path) as ws, spec(problems=pair, budget=Telling()).open(ws) as part:
        run_all(part)
        stops = ws.runs.stops("toy-run")
        assert stops == [StopRow("toy-run", 1, key, "trial_cap", stops[0].evidence) for key in sorted(p.id for p in pair)]
        assert json.loads(stops[0].evidence or "") == {"drawn": 4, "why": "enough"}


@dataclass
class GivingUp(Telling):
    """Gives one problem up after round 0, says so in every later round, and goes on with it; stops the other one."""

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:
        self.shown.append(tallies)
        first, second = sorted(tallies, key=lambda tally: tally.problem_id)
        if not round_index:
            return RoundPlan(tuple(Draw(tally.problem_id, 0, 2) for tally in tallies))
        continued = (Stop(first.problem_id, "hopeless", {"drawn": first.drawn}),)
        stops = [Stop(second.problem_id, "hopeless"), *([Stop(first.problem_id, "trial_cap")] if first.drawn >= 4 else [])]
        draws = (Draw(first.problem_id, first.drawn, 1),) if first.drawn < 4 else ()
        return RoundPlan(draws, tuple(stops), continued)


def test_a_problem_given_up_that_goes_on_is_noted_once_beside_its_stop_and_tallies_say_who_stopped(tmp_path: Path) -> None:
    made, budget = problems(2), GivingUp()
    first, second = sorted(problem.id for problem in made)
    with workspace(tmp_path) as ws, spec(problems=made, budget=budget).open(ws) as part:
        run_all(part)
        stops = [(stop.round, stop.problem_id, stop.reason, stop.evidence) for stop in ws.runs.stops("toy-run")]
        assert stops == [
            (1, second, "hopeless", None),
            (1, first, "continued", '{"drawn":2}'),
            (3, first, "trial_cap", None),
        ]
        assert decide(part).stops == {"hopeless": 1, "trial_cap": 1}
    assert [[tally.stopped for tally in sorted(seen, key=lambda t: t.problem_id)] for seen in budget.shown] == [
        [None, None],
        [None, None],
        [None, "hopeless"],
        [None, "hopeless"],
    ]


def test_a_stop_without_evidence_stores_none(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, spec(problems=problems(1), budget=Fixed(initial=2)).open(ws) as part:
        run_all(part)
        assert [stop.evidence for stop in ws.runs.stops("toy-run")] == [None]


def row(cid: str, step: str) -> PlanRow:
    return PlanRow("run", 0, 0, 0, "p", "q", cid, 0, 0, step)


def test_every_step_counts_its_own_rows_in_the_recipes_order() -> None:
    verdicts: dict[str, tuple[Outcome, str | None]] = {
        "c1": ("correct", "7"),
        "c2": ("correct", "7"),
        "c3": ("incorrect", "8"),
        "c4": ("unparsed", None),
        "c5": ("undecided", "9"),
    }
    known = RowFacts(
        outcomes={(cid, "p"): outcome for cid, (outcome, _) in verdicts.items()},
        answers={(cid, "p"): answer for cid, (_, answer) in verdicts.items()},
        solutions={"c1": "one way", "c2": "one way"},
        tokens={("p", "weak"): 40, ("p", "strong"): 9},
    )
    rows = [*(row(cid, "weak") for cid in ("c1", "c2", "c3", "c4")), row("c5", "strong")]
    assert step_tallies(["weak", "strong", "unused"], "p", rows, known) == (
        StepTally("weak", drawn=4, correct=2, incorrect=1, unparsed=1, distinct=1, tokens=40, agreeing=2),
        StepTally("strong", drawn=1, undecided=1, tokens=9, agreeing=1),
        StepTally("unused"),
    )
