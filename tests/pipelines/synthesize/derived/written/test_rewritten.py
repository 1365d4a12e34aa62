"""Texts that become problems: what is none is refused with a reason, and every reference says where it came from."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.written.references import elected_answer
from rollmill.pipelines.synthesize.derived.written.refusals import Refusals
from rollmill.pipelines.synthesize.derived.written.rewritten import Rewritten
from rollmill.pipelines.synthesize.sources import Source, SourceRollout
from tests.pipelines.synthesize.derived.writers import Author, Authors

FIRST = Problem(
    "Ann has 3 apples and buys 4 more of them. How many are there?", "7", template="basket", level=1, source="toy"
)
SOLVER = {"model": "author"}
NEW = "Ben has {} pears, finds 9 and loses one. How many pears has he now?"


def rollout(text: str, number: int = 0, *, step: str = "evolve", kept: bool = True) -> SourceRollout:
    return SourceRollout(FIRST.id, f"c{number}", step, text, "correct", None, kept, measured=True)


def rewritten(
    texts: Sequence[str | SourceRollout], say: Callable[[str, int], Any] | None = None, **options: Any
) -> Rewritten:
    rollouts = [rollout(text, at) if isinstance(text, str) else text for at, text in enumerate(texts)]
    source = Source("toy@v1", "0" * 64, (FIRST,), lambda: iter(rollouts))
    given = {} if say is None else {"samplers": Authors({"author": Author(say=say)}), "solver": SOLVER}
    return Rewritten(source=source, **{"votes": 4, **given, **options})


def test_a_text_becomes_a_problem_with_the_elected_answer() -> None:
    maker = rewritten([f"Thinking.\nPROBLEM: {NEW.format(5)}"], lambda _, index: "#### 13" if index < 3 else "#### 12")
    [problem] = maker.synthesize(10, 1)
    assert (problem.prompt, problem.reference) == (NEW.format(5), "13")
    assert (problem.level, problem.template, problem.split) == (1, "basket~", "train")
    lineage = problem.meta["made"]
    assert (lineage["reference"], lineage["agreement"], lineage["votes"], lineage["completion"]) == (
        "majority",
        0.75,
        4,
        "c0",
    )
    assert lineage["sources"] == [FIRST.id]
    assert set(problem.meta) == {"made"}  # no number or step of the source holds for it


def test_texts_that_are_no_new_problem_are_refused_with_a_reason() -> None:
    texts = [
        f"PROBLEM: {FIRST.prompt}",
        f"PROBLEM: {str(FIRST.prompt).upper()}",
        f"PROBLEM: {NEW.format(5)} The answer is 13.",
        f"PROBLEM: {NEW.format(5)}",
        f"PROBLEM: {NEW.format(5)}",
        f"PROBLEM: {NEW.format(5).replace('has he now', 'has he then now')}",
        f"PROBLEM: {NEW.format(6)}",
        "PROBLEM: I'm sorry, I cannot create such a problem.",
        "PROBLEM: #Given Prompt# Ann has three apples",
        "PROBLEM: How many?",
        "No problem at all.",
    ]
    maker = rewritten(texts, lambda *_: "#### 13", near=0.7)
    accepted = sorted(str(problem.prompt) for problem in maker.synthesize(10, 1))
    assert accepted == [NEW.format(5), NEW.format(6)]
    assert maker.refused == {
        "copy": 3,
        "near_copy": 1,
        "answer_inside": 1,
        "apology": 1,
        "remains_of_prompt": 1,
        "too_short": 1,
        "unread": 1,
    }


@pytest.mark.parametrize(
    "text",  # of SmolLM2-135M, asked for a problem and its answer
    [
        "1029}, what is the answer to the problem?",
        "The problem is 10",
        "The answer to the above problem is 1995. Calculate 20 * 4 + 2 and only 1 more.",
        "Solve this problem using the Python code below: 1991248844581.",
    ],
)
def test_talk_about_a_problem_that_is_not_there_is_none(text: str) -> None:
    refusals = Refusals([], 0.9)
    assert refusals.refused(text)
    assert refusals.counts == {"refers_elsewhere": 1}
    assert not refusals.refused("Solve this problem: Ann has 5 apples, the problem is that 2 are bad. How many are good?")


def test_other_numbers_are_no_copy() -> None:
    """Trap: likeness that does not see numbers merges different problems."""
    refusals = Refusals([NEW.format(5)], 0.5)
    assert not refusals.refused(NEW.format(55))


def test_too_little_agreement_gives_no_reference_and_abstentions_count() -> None:
    answers = ["#### 13", "#### 13", "I do not know", "I do not know"]
    maker = rewritten([f"PROBLEM: {NEW.format(5)}"], lambda _, index: answers[index], least=0.6)
    assert list(maker.synthesize(10, 1)) == []
    assert maker.refused == {"no_reference": 1}
    enough = rewritten([f"PROBLEM: {NEW.format(5)}"], lambda _, index: answers[index], least=0.5)
    assert len(list(enough.synthesize(10, 1))) == 1


def test_a_vote_goes_by_form_and_a_tie_elects_nobody() -> None:
    assert elected_answer(["#### 0.5", "#### 1/2", "#### 3", None]) == ("0.5", 2)
    assert elected_answer(["#### 1", "#### 2"]) is None
    assert elected_answer([None, "words alone"]) is None


@pytest.mark.parametrize(("stated", "accepted"), [("13", True), ("13.0", True), ("12", False)])
def test_a_round_trip_accepts_what_the_solver_finds_again(stated: str, accepted: bool) -> None:
    read = r"PROBLEM:\s*(?P<problem>.+?)\s*ANSWER:\s*(?P<answer>\S+)"
    text = f"PROBLEM: {NEW.format(5)} ANSWER: {stated}"
    seen: list[str] = []

    def say(prompt: str, _: int) -> str:
        seen.append(prompt)
        return "#### 13"

    made = list(rewritten([text], say, read=read, reference="round_trip").synthesize(10, 1))
    assert [(problem.reference, problem.meta["made"]["reference"]) for problem in made] == [
        (stated, "round_trip")
    ] * accepted
    assert all("ANSWER" not in prompt for prompt in seen)  # the solver is not told


def test_a_carried_reference_asks_nobody() -> None:
    [problem] = rewritten([f"PROBLEM: {NEW.format(5)}"], reference="carried").synthesize(10, 1)
    assert (problem.reference, problem.meta["made"]["reference"]) == ("7", "carried")


def test_only_the_named_step_and_what_was_kept() -> None:
    texts = [
        rollout(f"PROBLEM: {NEW.format(5)}", 1, step="solve"),
        rollout(f"PROBLEM: {NEW.format(6)}", 2, kept=False),
        rollout(f"PROBLEM: {NEW.format(7)}", 3),
    ]
    named = rewritten(texts, reference="carried", step="evolve").synthesize(10, 1)
    assert [problem.prompt for problem in named] == [NEW.format(7)]
    assert len(list(rewritten(texts, reference="carried", kept=False).synthesize(10, 1))) == 3


def test_a_cut_answer_of_the_solver_abstains() -> None:
    say = lambda _, index: {"text": "#### 13", "finish_reason": "length"} if index else "#### 13"  # noqa: E731
    maker = rewritten([f"PROBLEM: {NEW.format(5)}"], say)
    assert list(maker.synthesize(10, 1)) == []


def test_the_solver_is_asked_in_its_own_words_and_decides_the_version() -> None:
    author = Author(say=lambda *_: "#### 13")
    options = {"model": "author", "prompt_template": "{prompt} End with ####."}
    maker = rewritten([f"PROBLEM: {NEW.format(5)}"], samplers=Authors({"author": author}), solver=options)
    assert len(list(maker.synthesize(10, 1))) == 1
    assert set(author.asked) == {f"{NEW.format(5)} End with ####."}
    other = rewritten([], samplers=Authors({"author": Author(model_digest="toy-2")}), solver=options)
    assert maker.version != other.version


def test_a_solver_that_fails_loses_nothing_and_says_so() -> None:
    maker = rewritten([f"PROBLEM: {NEW.format(5)}"], samplers=Authors({"author": Author(fail_after=2)}), solver=SOLVER)
    with pytest.raises(FoundWanting, match="synthesizer 'rewritten': toy author failed"):
        list(maker.synthesize(10, 1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"read": "("}, "read is no pattern"),
        ({"read": "PROBLEM"}, "needs a group"),
        ({"reference": "round_trip"}, "what the writer stated"),
        ({"reference": "majorty"}, "Did you mean 'majority'"),
        ({"votes": 0}, "votes 0"),
        ({"solver": {"modle": "x"}}, "unknown key 'modle'"),
        ({"solver": {"prompt_template": "x"}}, "no {prompt}"),
    ],
)
def test_what_it_cannot_work_with_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SetupError, match=said.replace("{", r"\{").replace("}", r"\}")):
        Rewritten(**options)


def test_without_a_model_it_says_what_is_missing() -> None:
    with pytest.raises(SetupError, match="asks a model, and here it is given none"):
        list(rewritten([f"PROBLEM: {NEW.format(5)}"]).synthesize(1, 1))
