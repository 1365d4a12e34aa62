"""Budget `router`: which step draws next, exactly; and what it saves on pools where a short form solves what is easy."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget.forecasts.simulate import Round, SimulatedProblem, SimulatedSample, Source, run_budget
from rollmill.pipelines.budget.router import Router
from rollmill.pipelines.budget.sequential import Sequential
from rollmill.roles.protocols import Budget
from rollmill.roles.tallies import Draw, RoundPlan, StepTally, Stop, Tally
from rollmill.stats import vote, weighted_vote

ARMS = ("short", "long")
TOKENS = {"short": 20, "long": 150}
SHORT = {1: 0.9, 2: 0.8, 3: 0.5, 4: 0.2, 5: 0.05, 6: 0.01}
LONG = {1: 0.95, 2: 0.95, 3: 0.9, 4: 0.8, 5: 0.6, 6: 0.4}

Chances = dict[str, dict[str, float]]


def drawn_by(seed: int, chances: Chances, only: str = "") -> Source:
    """Bernoulli samples that follow from (seed, problem, step, index): every budget meets the same ones."""

    def outcomes(draw: Draw) -> list[SimulatedSample]:
        step = draw.step or only
        return [_sample(seed, step, draw.problem_id, index, chances) for index in _indices(draw)]

    return outcomes


def _sample(seed: int, step: str, problem: str, index: int, chances: Chances) -> SimulatedSample:
    rng = random.Random(f"{seed}/{problem}/{step}/{index}")
    right = rng.random() < chances[step][problem]
    own = random.Random(f"{seed}/{problem}/{step}")  # a model has a wrong answer of its own that it is more or less fond of
    fond, favourite = own.betavariate(1.5, 1.5), own.randrange(4)
    answer = "right" if right else f"wrong {favourite if rng.random() < fond else rng.randrange(6)}"
    return SimulatedSample(
        "correct" if right else "incorrect", rng.randrange(50) if right else None, TOKENS.get(step, 10), answer
    )


def _indices(draw: Draw) -> range:
    return range(draw.first_index, draw.first_index + draw.count)


def pool(count: int) -> tuple[list[SimulatedProblem], Chances]:
    """Problems of six levels; a short form that solves the easy ones, a long one that solves most of them."""
    rng = random.Random(0)
    subjects = [SimulatedProblem(f"p{number:04}", level=1 + number % 6) for number in range(count)]
    chances: Chances = {}
    for step, rates in zip(ARMS, (SHORT, LONG), strict=True):
        mean = {subject.problem_id: rates[subject.level or 1] for subject in subjects}
        chances[step] = {key: rng.betavariate(6 * rate, 6 * (1 - rate)) for key, rate in mean.items()}
    return subjects, chances


def last_of(budget: Budget, subjects: Sequence[SimulatedProblem], source: Source, steps: Sequence[str] = ARMS) -> Round:
    *_, last = run_budget(budget, subjects, source, steps)
    return last


def tokens_and_coverage(last: Round, target: int) -> tuple[int, float]:
    covered = sum(tally.distinct_correct >= target for tally in last.tallies)
    return sum(tally.tokens for tally in last.tallies), covered / len(last.tallies)


def on(name: str, drawn: int, correct: int, tokens: int, agreeing: int = 0) -> StepTally:
    return StepTally(name, drawn, correct, drawn - correct, distinct=correct, tokens=tokens * drawn, agreeing=agreeing)


def problem(key: str, *steps: StepTally, level: int = 1, stopped: str | None = None) -> Tally:
    return Tally(
        key,
        drawn=sum(step.drawn for step in steps),
        correct=sum(step.correct for step in steps),
        incorrect=sum(step.incorrect for step in steps),
        distinct_correct=sum(step.distinct for step in steps),
        level=level,
        tokens=sum(step.tokens for step in steps),
        steps=steps,
        stopped=stopped,
    )


def test_the_prefix_is_the_first_steps() -> None:
    tallies = [
        problem("b", on("short", 0, 0, 9), on("long", 0, 0, 9)),
        problem("a", on("short", 1, 0, 9), on("long", 0, 0, 9)),
    ]
    assert Router(initial=3).plan(0, tallies) == RoundPlan((Draw("a", 1, 2, "short"), Draw("b", 0, 3, "short")))


def known_prices(*more: Tally) -> list[Tally]:
    """Problems that stopped: ten solved by the short step at 40 tokens, ten of which the long one solved 3 of 4 at 150."""
    hard = [problem(f"y{n:02}", on("short", 8, 1, 40), on("long", 4, 3, 150), stopped="target_met") for n in range(10)]
    easy = [problem(f"z{n:02}", on("short", 8, 6, 40), on("long", 0, 0, 0), stopped="target_met") for n in range(10)]
    return [*hard, *easy, *more]


def test_a_problem_moves_on_where_the_next_step_is_cheaper_for_it() -> None:
    easy = problem("easy", on("short", 4, 2, 40), on("long", 0, 0, 0))
    hard = problem("hard", on("short", 8, 0, 40), on("long", 0, 0, 0))
    done = problem("done", on("short", 4, 2, 40), on("long", 4, 2, 150))
    plan = Router(target=4, cap=32, pilot=4, explore=0).plan(3, known_prices(easy, hard, done))
    assert plan.stops == (Stop("done", "target_met", {"step": "long", "drawn": 4, "distinct": 4}),)
    assert [draw for draw in plan.draws if draw.step == "long"] == [Draw("hard", 0, 4, "long")]
    assert [(draw.problem_id, draw.first_index) for draw in plan.draws if draw.step == "short"] == [("easy", 4)]


def test_a_dear_token_keeps_a_problem_where_it_is() -> None:
    hard = problem("hard", on("short", 8, 1, 40), on("long", 0, 0, 0))
    moves = Router(target=4, pilot=4, explore=0).plan(3, known_prices(hard))
    stays = Router(target=4, pilot=4, explore=0, token_cost={"long": 20}).plan(3, known_prices(hard))
    assert [draw.step for draw in moves.draws] == ["long"]
    assert [draw.step for draw in stays.draws] == ["short"]


def test_pilots_go_first_and_the_others_of_their_level_wait_for_them() -> None:
    tallies = [problem(f"p{n}", on("short", 4, 1, 20), on("long", 0, 0, 0), level=n % 2) for n in range(20)]
    plan = Router(target=2, pilot=3, explore=0).plan(1, tallies)
    assert plan.stops == ()
    assert {draw.step for draw in plan.draws} == {"long"}
    assert sorted(int(draw.problem_id[1:]) % 2 for draw in plan.draws) == [0, 0, 0, 1, 1, 1]
    assert {draw.problem_id for draw in Router(target=2, pilot=3, explore=0, salt="other").plan(1, tallies).draws} != {
        draw.problem_id for draw in plan.draws
    }


def test_what_neither_step_will_solve_is_given_up_with_both_chances() -> None:
    never = [problem(f"n{n:02}", on("short", 32, 0, 20), on("long", 24, 0, 150)) for n in range(30)]
    plan = Router(target=2, cap=32, explore=0).plan(
        5, [*never, problem("one", on("short", 32, 0, 20), on("long", 0, 0, 0))]
    )
    assert plan.draws == ()
    one = next(stop for stop in plan.stops if stop.problem_id == "one")
    assert one.reason == "hopeless"
    assert one.evidence["step"] == "short"
    assert one.evidence["next"] == "long"
    assert 0 <= float(one.evidence["next_chance"]) < 0.05
    assert {stop.reason for stop in plan.stops} == {"hopeless"}


def test_a_share_of_the_hopeless_goes_on_by_lot() -> None:
    never = [problem(f"n{n:03}", on("short", 32, 0, 20), on("long", 24, 0, 150)) for n in range(300)]
    plan = Router(target=2, cap=32, explore=0.1).plan(5, never)
    assert len(plan.stops) + len(plan.continued) == 300
    assert 15 <= len(plan.continued) <= 50
    assert {draw.problem_id for draw in plan.draws} == {stop.problem_id for stop in plan.continued}


def test_a_hopeless_problem_waits_for_cheaper_ones_on_its_next_step_too() -> None:
    never = [problem(f"n{n:02}", on("short", 32, 0, 20), on("long", 24, 0, 150)) for n in range(30)]
    others = [problem(key, on("short", *rate, 20), on("long", 0, 0, 0)) for key, rate in (("a", (32, 0)), ("b", (4, 2)))]
    assert Router(pilot=0, explore=1, total=1720).plan(5, [*never, *others]).draws == (Draw("b", 4, 4, "short"),)


def test_agreement_stops_the_unanimous_and_sends_the_others_on() -> None:
    tallies = [
        problem("all", on("a", 4, 0, 9, agreeing=4), on("b", 0, 0, 9)),
        problem("most", on("a", 4, 4, 9, agreeing=3), on("b", 0, 0, 9)),
        problem("spent", on("a", 4, 0, 9, agreeing=1), on("b", 4, 0, 9, agreeing=3)),
    ]
    plan = Router(rule="agreement").plan(2, tallies)
    assert plan.draws == (Draw("most", 0, 4, "b"),)
    assert plan.stops == (
        Stop("all", "agreed", {"step": "a", "drawn": 4, "agreeing": 4, "threshold": 1.0}),
        Stop("spent", "trial_cap", {"step": "b", "drawn": 4, "agreeing": 3, "threshold": 1.0}),
    )
    assert len(Router(rule="agreement", threshold=0.75).plan(2, tallies).stops) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "luck"}, "budget 'router': option 'rule' is 'luck'."),
        (
            {"rule": "agreement", "target": 2},
            "budget 'router': option 'target' belongs to rule 'difficulty', not 'agreement'.",
        ),
        ({"threshold": 0.5}, "budget 'router': option 'threshold' belongs to rule 'agreement', not 'difficulty'."),
        ({"entry": 64}, "budget 'router': option 'cap' is 32, and must be a whole number of at least 64."),
        ({"token_cost": {"long": 0}}, "budget 'router': token_cost of 'long' is 0, and must be greater than 0."),
        ({"pilot": -1}, "budget 'router': option 'pilot' is -1, and must be a whole number of at least 0."),
    ],
)
def test_senseless_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError) as error:
        Router(**options)  # type: ignore[arg-type]
    assert error.value.message == message


def test_a_cost_of_no_step_is_named() -> None:
    with pytest.raises(SetupError, match="token_cost names 'lang', which is not a step"):
        Router(token_cost={"lang": 2}).plan(0, [problem("a", on("short", 0, 0, 0), on("long", 0, 0, 0))])


@given(
    rates=st.lists(st.tuples(*[st.sampled_from([0.0, 0.05, 0.3, 0.7, 1.0])] * 3), min_size=1, max_size=12),
    seed=st.integers(0, 999),
    rule=st.sampled_from(["difficulty", "agreement"]),
    spare=st.none() | st.integers(0, 60),
)
@settings(max_examples=60)
def test_every_problem_ends_once_in_order_of_steps_and_within_the_total(
    rates: list[tuple[float, float, float]], seed: int, rule: str, spare: int | None
) -> None:
    steps = ("one", "two", "three")
    subjects = [SimulatedProblem(f"p{number:02}", level=number % 2) for number in range(len(rates))]
    keys = [subject.problem_id for subject in subjects]
    chances = {
        step: dict(zip(keys, column, strict=True)) for step, column in zip(steps, zip(*rates, strict=True), strict=True)
    }
    total = None if spare is None else 3 * len(rates) + spare
    budget = Router(rule=rule, initial=3, entry=2, total=total)
    if rule == "difficulty":
        budget = replace(budget, cap=9, target=2, pilot=2)
    rounds = list(run_budget(budget, subjects, drawn_by(seed, chances), steps))
    stops = [stop.problem_id for each in rounds for stop in each.plan.stops]
    assert sorted(stops) == [subject.problem_id for subject in subjects]
    seen: dict[str, int] = {}
    for draw in (draw for each in rounds for draw in each.plan.draws):
        assert steps.index(draw.step) >= seen.get(draw.problem_id, 0)
        seen[draw.problem_id] = steps.index(draw.step)
    for tally in rounds[-1].tallies:
        assert tally.steps[0].drawn >= 3
        assert all(step.drawn == 0 or step.drawn >= 2 for step in tally.steps)
        assert max(step.drawn for step in tally.steps) <= 9
    drawn = sum(tally.drawn for tally in rounds[-1].tallies)
    assert total is None or drawn <= total
    reasons = {stop.reason for each in rounds for stop in each.plan.stops}
    assert "budget" not in reasons or (total is not None and total - drawn < 2)


@given(seed=st.integers(0, 999), data=st.data())
@settings(max_examples=25)
def test_the_plan_is_pure_and_ignores_the_order_of_the_tallies(seed: int, data: st.DataObject) -> None:
    subjects, chances = pool(24)
    budget = Router(target=2, cap=8, pilot=2)
    rounds = list(run_budget(budget, subjects, drawn_by(seed, chances), ARMS))
    one = rounds[data.draw(st.integers(0, len(rounds) - 1))]
    shuffled = data.draw(st.permutations(one.tallies))
    assert budget.plan(1, shuffled) == budget.plan(1, one.tallies)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_router_costs_less_than_either_step_alone_at_equal_coverage(seed: int) -> None:
    subjects, chances = pool(240)
    routed = tokens_and_coverage(last_of(Router(target=2, cap=32), subjects, drawn_by(seed, chances)), 2)
    alone = {
        step: tokens_and_coverage(
            last_of(Sequential(initial=4, target=2, cap=32), subjects, drawn_by(seed, chances, step), ()), 2
        )
        for step in ARMS
    }
    assert alone["short"][1] < 0.8  # the short form alone never gets there, whatever it spends
    assert routed[1] >= alone["long"][1] - 0.01
    assert routed[0] < 0.75 * alone["long"][0]


def switching(seed: int, count: int) -> tuple[Chances, dict[str, list[list[str]]], list[SimulatedProblem]]:
    """Questions that half of the time one model knows and the other does not, with 16 answers of each."""
    rng = random.Random(seed)
    subjects = [SimulatedProblem(f"q{number:04}") for number in range(count)]
    chances: Chances = {"a": {}, "b": {}}
    for subject in subjects:
        easy = rng.random() < 0.45
        for step in chances:
            chances[step][subject.problem_id] = rng.betavariate(8, 1) if easy else rng.betavariate(1.1, 1.4)
    answers = {
        subject.problem_id: [
            [str(_sample(seed, step, subject.problem_id, i, chances).answer) for i in range(16)] for step in "ab"
        ]
        for subject in subjects
    }
    return chances, answers, subjects


def test_modelswitch_equals_the_pooled_vote_with_fewer_samples_and_beats_either_model_alone() -> None:
    chances, answers, subjects = switching(1, 600)
    last = last_of(Router(rule="agreement", initial=8), subjects, drawn_by(1, chances), ("a", "b"))
    right = {"a": 0, "b": 0, "pooled": 0, "switched": 0, "weighted": 0}
    for tally in last.tallies:
        both = answers[tally.problem_id]
        used = [mine[: step.drawn] for mine, step in zip(both, tally.steps, strict=True)]
        pooled = [mine[:8] for mine in both]
        assert vote(used) == vote(pooled)
        elected = {"a": vote(both[:1]), "b": vote(both[1:]), "pooled": vote(pooled), "switched": vote(used)}
        elected["weighted"] = weighted_vote(pooled)
        for name, answer in elected.items():
            right[name] += answer == "right"
    samples = sum(tally.drawn for tally in last.tallies) / len(subjects)
    assert right["switched"] == right["pooled"] > max(right["a"], right["b"])
    assert right["weighted"] < right["pooled"]  # sure of a wrong answer: entropy weights hurt, so they are off by default
    assert 8 < samples < 15
