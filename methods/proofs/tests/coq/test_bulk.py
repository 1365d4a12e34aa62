"""Rejections in warm processes and the gate for several proofs: the same results as each proof alone."""

from collections.abc import Iterator

import pytest

from methods.proofs.tests.hostile_proofs import GOAL, HOSTILE_PROOFS
from rollmill.pipelines.sandbox import ProgramReport, Sandbox, SandboxLimits
from rollmill.pipelines.sandbox.programs import Program
from rollmill_proofs.coq.bulk import judge_all, texts
from rollmill_proofs.coq.gate import GoalRejected, ProofCheck, ProofGate
from rollmill_proofs.coq.installation import installation
from rollmill_proofs.coq.screen import Screen
from rollmill_proofs.goal import Goal, goal_of
from rollmill_proofs.goals import UNPROVABLE, Goals
from rollmill_proofs.plain_script import plain_script
from rollmill_proofs.proof_text import ProofText

LIA = "Require Import Lia."
SUM = Goal("forall n m : nat, n + m = m + n", LIA)


def script(text: str) -> ProofText:
    return ProofText(text, "whole", "script")


def test_the_files_of_some_proofs_keep_them_apart() -> None:
    pairs = [(Goal("f = 1", LIA, "Definition f := 1."), script("reflexivity.")), (SUM, script("lia."))]
    spec, candidate, check = texts(pairs)
    assert spec.startswith(f"{LIA}\nModule G0.\nDefinition f := 1.\nDefinition goal : Prop := (f = 1).\nEnd G0.\n")
    names = [line.split()[1] for line in candidate.splitlines() if line.startswith("Module C")]
    assert [name.split("_")[0] for name in names] == ["C0", "C1"]
    other = texts([pairs[0], (SUM, script("auto."))])[1]
    assert names[0] not in other
    lines = check.splitlines()
    assert lines.index("Definition wanted1 : Prop := W.Spec.G1.goal.") < lines.index("Require W.Cand.")
    assert lines[-2:] == [
        "Definition checked := (conj checked0 (conj checked1 I)).",
        "Print Assumptions checked.",
    ]


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    made = Screen(installation(), 30.0)
    yield made
    made.close()


def rejection(screen: Screen, goal: Goal, text: str) -> str | None:
    sentences = plain_script(text)
    assert sentences is not None
    return screen.rejection(goal, sentences)


@pytest.mark.sandbox
def test_a_rejection_has_its_line_and_a_pass_or_a_doubt_has_none(screen: Screen) -> None:
    assert rejection(screen, SUM, "intros n m.\nlia.") is None
    assert rejection(screen, SUM, "intros n m.\nnow apply foo.\nlia.") == (
        "line 2: Error: The reference foo was not found in the current environment."
    )
    unfinished = rejection(screen, SUM, "intros n m.")
    assert unfinished is not None
    assert unfinished.startswith("line 2: Error:")
    assert "incomplete proof" in unfinished
    assert rejection(screen, SUM, "intros.\nreflexivity.\n- lia.") is not None
    assert rejection(screen, SUM, "lia.") is None
    for goal in (Goal("1 ="), Goal("1 = 1", "Require Import Nowhere."), Goal("1 = 1", "", "Axiom f : nat.")):
        assert rejection(screen, goal, "discriminate.") is None


@pytest.mark.sandbox
def test_a_screen_leaves_what_takes_too_long_to_the_gate() -> None:
    short = Screen(installation(), 6.0)
    assert rejection(short, Goal("1 = 1"), "repeat pose proof I.") is None
    assert rejection(short, Goal("1 = 1"), "discriminate.") is not None
    short.close()
    short.close()


class CountingSandbox(Sandbox):
    """A sandbox that counts its programs."""

    def __init__(self) -> None:
        super().__init__("strict", SandboxLimits(30.0, 300.0, 6_144, 256, 64, 3), 1)
        self.count = 0

    def run(self, program: Program) -> ProgramReport:
        self.count += 1
        return super().run(program)


@pytest.fixture(scope="module")
def boxes() -> Iterator[CountingSandbox]:
    made = CountingSandbox()
    yield made
    made.close()


@pytest.mark.sandbox
def test_proofs_go_through_the_gate_together(boxes: CountingSandbox) -> None:
    problems = [problem for problem in Goals(levels=(2, 4)).synthesize(12, 4) if problem.reference != UNPROVABLE]
    pairs = [(goal_of(problem), script(problem.reference)) for problem in problems]
    boxes.count = 0
    results = judge_all(ProofGate(installation(), 10.0), boxes, pairs)
    assert [result.cause for result in results if isinstance(result, ProofCheck)] == [None] * 6
    assert boxes.count == 3


@pytest.mark.sandbox
def test_one_bad_proof_changes_no_other(boxes: CountingSandbox) -> None:
    axiom = Goal("axiom_free = 1", LIA, "Definition axiom_free := 1.")
    pairs = [
        (SUM, script("intros. lia.")),
        (SUM, script("intros. reflexivity.")),
        (Goal("1 = ", LIA), script("lia.")),
        (axiom, script("reflexivity.")),
        (SUM, script("intros. admit.")),
        (SUM, ProofText("Axiom t : goal.", "fenced", "file")),
    ]
    results = judge_all(ProofGate(installation(), 10.0), boxes, pairs)
    assert isinstance(results[2], GoalRejected)
    causes = [result.cause for result in results if isinstance(result, ProofCheck)]
    assert causes == [None, "rejected", None, "rejected", "axioms"]


RESULT = "Inductive result := Ok (n : nat) | Error."
RIGHT = (
    (Goal("1 = 1"), "let x := fresh Error in idtac x; idtac x. reflexivity."),
    (Goal("1 = 1"), "let x := fresh Anomaly in do 3 idtac x. tryif fail then idtac else reflexivity."),
    (Goal("1 = 1 /\\ 2 = 2"), "split. par: reflexivity."),
    (Goal("1 = 1 /\\ 2 = 2"), "split.\n- reflexivity.\n- { reflexivity. }"),
    (Goal("1 = 1"), "transparent_abstract (exact (eq_refl 1))."),
    (Goal("1 = 1"), "unshelve refine (let x := _ : nat in eq_refl). exact 0."),
    (Goal("forall r, r = Error -> r <> Ok 1", "", RESULT), "let x := constr:(Error) in do 3 idtac x. intros; subst; easy."),
    (Goal("t = 1", "", "Definition t := 1."), "unfold t. reflexivity."),
    (Goal("forall G : nat, G = G"), "intros G. reflexivity."),
    (SUM, "intros n m. pose (x := n + m). lia."),
)
WRONG = (
    (Goal("1 = 1"), "idtac. idtac Error."),
    (Goal("1 = 1"), "intros Error. reflexivity."),
    (Goal("forall r, r = Error -> r <> Ok 1", "", RESULT), "intros [n|] E. easy. easy. easy."),
    (Goal("1 = 2"), "exact (@eq_refl nat G0.f)."),
    (SUM, "intros n m.\nzify."),
)


@pytest.mark.sandbox
def test_the_screen_agrees_with_the_gate(screen: Screen, boxes: CountingSandbox) -> None:
    pairs = [(goal, script(text)) for goal, text in (*RIGHT, *WRONG)]
    rejections = [rejection(screen, goal, text) for goal, text in (*RIGHT, *WRONG)]
    results = judge_all(ProofGate(installation(), 10.0), boxes, pairs)
    causes = [result.cause for result in results if isinstance(result, ProofCheck)]
    assert causes == [None] * len(RIGHT) + ["rejected"] * len(WRONG)
    assert [error is None for error in rejections] == [cause is None for cause in causes]


@pytest.mark.sandbox
def test_plain_hostile_texts_gain_nothing_beside_a_proof(boxes: CountingSandbox) -> None:
    gate = ProofGate(installation(), 10.0)
    hostile = [text for text in HOSTILE_PROOFS if plain_script(text)][:6]
    pairs = [(Goal("2 = 2"), script("reflexivity.")), *((Goal(GOAL), script(text)) for text in hostile)]
    first, *others = judge_all(gate, boxes, pairs)
    assert first == ProofCheck(None, cpu_seconds=first.cpu_seconds if isinstance(first, ProofCheck) else 0.0)
    assert {result.cause for result in others if isinstance(result, ProofCheck)} == {"rejected"}
    assert len(others) == len(hostile) > 3
