"""Chains: every hop is needed, answers follow hop by hop, splits share no hop, and the control tells the number."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.pipelines.synthesize.derived.chains import composed_with_parts
from rollmill.pipelines.synthesize.derived.composed import Composed, shared_steps
from rollmill.pipelines.synthesize.derived.joined import Hop, first_hop, joined
from rollmill.pipelines.synthesize.derived.recomputed import recomputed
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.sources import Source
from rollmill.pipelines.synthesize.template import Calc, Params, Solution
from rollmill.pipelines.verify import VERIFIERS


def templates(count: int = 150, seed: int = 3, **options: object) -> list[Problem]:
    return list(SYNTHESIZERS["templates"](**{"levels": (1, 2, 3), **options}).synthesize(count, seed))


def source(problems: Sequence[Problem]) -> Source:
    return Source("toy@v1-00000000", "0" * 64, tuple(sorted(problems, key=lambda problem: problem.id)))


MADE = source(templates())


def of_role(problems: Sequence[Problem], role: str) -> list[Problem]:
    return [problem for problem in problems if problem.meta["made"]["role"] == role]


@pytest.mark.parametrize("hops", [2, 3, 4])
def test_the_answer_follows_hop_by_hop_and_an_independent_solver_agrees(hops: int) -> None:
    composed = list(Composed(hops=hops, source=MADE).synthesize(1_000, 1))
    assert len(composed) >= 30
    for problem in composed:
        lineage = problem.meta["made"]
        assert (lineage["by"], lineage["reference"], len(lineage["sources"])) == ("composed", "computed", hops)
        answers = [TEMPLATES[hop["template"]]().solve(hop["params"]).answer for hop in lineage["hops"]]
        assert answers == [*lineage["bridges"], problem.reference]
        assert recomputed(problem) == problem.reference
        for letter in "XYZ"[: hops - 1]:
            assert len(re.findall(rf"\b{letter}\b", str(problem.prompt))) == 2  # where it is found and where it is used


def test_a_hop_that_nobody_needs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap: a number that the answer does not depend on makes a chain whose first problem can be skipped."""

    class Idle:
        name = "idle"
        skill = "sums"
        phrasings = 1

        def sample(self, level: int, rng: random.Random) -> Params:
            return {"level": level, "seen": rng.randint(5, 9), "added": 3}

        def render(self, params: Params, _: int) -> str:
            return f"A room has {params['seen']} windows. What is {params['added']} + 1?"

        def solve(self, params: Params) -> Solution:
            calc = Calc()
            return calc.done(calc.add(params["added"], 1))

    class Used(Idle):
        name = "used"

        def solve(self, params: Params) -> Solution:
            calc = Calc()
            return calc.done(calc.add(params["seen"], 1))

    monkeypatch.setattr("rollmill.pipelines.synthesize.derived.joined.TEMPLATES", {"idle": Idle, "used": Used})
    monkeypatch.setattr("rollmill.pipelines.synthesize.derived.new_numbers.TEMPLATES", {"idle": Idle, "used": Used})
    meta = {"params": {"level": 1, "seen": 6, "added": 3}, "phrasing": 0, "graph": "+(n,n)"}
    idle = Problem("A room has 6 windows. What is 3 + 1?", "4", template="idle", level=1, meta=meta, split="all")
    used = replace(idle, reference="7", template="used")
    assert joined(used, 5, "X") is not None
    found = joined(idle, 5, "X")
    assert found is None or found.place == ("added", None)


def test_no_hop_stands_in_two_splits_and_an_injected_leak_is_found() -> None:
    mixed = source([*templates(), *templates(split="heldout", seed=9)])
    composed = list(Composed(source=mixed, roles=("parts", "composed", "control")).synthesize(5_000, 2))
    assert {problem.split for problem in composed} == {"train", "heldout"}
    assert shared_steps(composed) == {}
    leaked = replace(of_role(composed, "composed")[0], split="evaluation")
    found = shared_steps([*composed, leaked])
    assert len(found) == 2
    assert all("evaluation" in splits for splits in found.values())


def test_parts_stand_before_the_whole_and_the_control_tells_the_number() -> None:
    made = list(Composed(source=MADE, roles=("parts", "composed", "told", "control")).synthesize(400, 1))
    firsts, seconds, wholes, tolds, controls = (
        of_role(made, role) for role in ("first", "second", "composed", "told", "control")
    )
    assert len(firsts) > 50
    for first, second, whole, told, control in zip(firsts, seconds, wholes, tolds, controls, strict=True):
        assert whole.meta["parts"] == [first.id, second.id]
        assert second.reference == whole.reference == told.reference == control.reference
        assert str(told.prompt).startswith(f"X is {first.reference}. ")
        assert str(control.prompt).endswith(f"Now solve this one: {told.prompt}")
        assert str(second.prompt) == str(told.prompt).partition(". ")[2].replace("X", first.reference)
        assert str(first.prompt) in str(control.prompt)
        assert f"X is {first.reference}" not in str(whole.prompt)


def test_each_problem_stands_in_as_many_chains_as_said() -> None:
    for uses in (1, 2):
        stood = [
            one
            for problem in Composed(source=MADE, uses=uses).synthesize(5_000, 1)
            for one in problem.meta["made"]["sources"]
        ]
        assert max(stood.count(one) for one in set(stood)) == uses


def test_a_chain_is_given_out_whole_or_not_at_all() -> None:
    made = list(Composed(source=MADE, roles=("parts", "composed")).synthesize(8, 1))
    assert [problem.meta["made"]["role"] for problem in made] == ["first", "second", "composed"] * 2


def test_what_it_cannot_work_with_is_said() -> None:
    with pytest.raises(SetupError, match="hops 1"):
        Composed(hops=1)
    with pytest.raises(SetupError, match="Did you mean 'composed'"):
        Composed(roles=("compsed",))
    with pytest.raises(SetupError, match="was given none"):
        list(Composed().synthesize(3, 1))
    with pytest.raises(SetupError, match="has 0 problems of shipped templates or with worked"):
        list(Composed(source=source([Problem("What is 1 + 1?", "2")])).synthesize(3, 1))


def test_a_wrong_bridge_would_be_seen() -> None:
    """The independent solver goes through the hops itself: a reference that does not follow is contradicted."""
    begun = next(hop for problem in MADE.problems if (hop := first_hop(problem)) and int(hop.answer) < 20)
    hop = next(hop for problem in MADE.problems if (hop := joined(problem, int(begun.answer), "X")) is not None)
    wrong = Hop(hop.problem, hop.params, hop.place, hop.text, hop.plain, str(int(hop.answer) + 1))
    *_, whole = composed_with_parts([begun, wrong], 1, "composed")
    assert recomputed(whole) == hop.answer != whole.reference


def test_twins_differ_in_one_letter_and_one_of_them_states_no_number_for_the_later_hop() -> None:
    """MuSiQue's contrast: the bridge is not found in the second twin, and everything else is as in the first."""
    made = list(Composed(roles=["twins"], source=MADE).synthesize(60, 1))
    assert len(made) == 60
    for answerable, broken in zip(made[::2], made[1::2], strict=True):
        texts = [str(problem.prompt) for problem in (answerable, broken)]
        assert [(a, b) for a, b in zip(*texts, strict=True) if a != b] == [("X", "Q")]
        used = re.findall(r"\bX\b", texts[1])
        assert len(used) == 1  # where it is needed; what it is, nobody says
        assert (answerable.reference.isdigit(), broken.reference) == (True, "unanswerable")
        assert broken.meta["parts"] == [answerable.id]
        assert recomputed(answerable) == answerable.reference


def test_a_model_that_always_answers_or_never_does_solves_no_pair() -> None:
    chain = [VERIFIERS["number"](), VERIFIERS["exact"](answer="final", case="fold")]

    def right(problem: Problem, text: str) -> bool:
        completion = Completion("c", problem.id, "e", "m", "", "curate", 0, None, text, "stop")
        outcomes = [verifier.verify(problem, completion).outcome for verifier in chain]
        return next(outcome for outcome in (*outcomes, "undecided") if outcome != "undecided") == "correct"

    made = list(Composed(roles=["twins"], source=MADE).synthesize(20, 1))
    for pair in zip(made[::2], made[1::2], strict=True):
        answer = pair[0].reference
        assert [right(problem, f"#### {answer}") for problem in pair] == [True, False]
        assert [right(problem, "#### unanswerable") for problem in pair] == [False, True]
