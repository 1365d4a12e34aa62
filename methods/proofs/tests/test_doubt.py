"""Doubt about accepted proofs: words of features by which proofs of false statements are known."""

import time

import pytest

from methods.proofs.tests.hostile_features import KNOWN
from rollmill_proofs.doubt import doubted
from rollmill_proofs.goals import UNPROVABLE, Goals
from rollmill_proofs.proof_text import LONGEST


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("fix IH 1.", "fix"),
        ("exact (fun n => (fix f (m : nat) := m) n).", "fix"),
        ("Program Fixpoint t (n : nat) {measure n} : goal := t n.", "Fixpoint"),
        ("Lemma f (n : nat) : nat with g (n : nat) : nat. exact n. exact n. Defined.", "with"),
        ("Lemma f : match 1 with O => 1 | _ => 2 end = 2 with g : nat. auto. Qed.", "with"),
        ("Notation \"'match' x\" := x. Lemma f : match 1 with g : nat. auto. Qed.", "with"),
        ("(* a *) Unset (* b *) Guard (* c *) Checking. auto.", "Checking"),
        ('(* " *) " *) Module M. End M.', "Module"),
        ('idtac "(*". fix f 1. idtac "*)".', "fix"),
        ("(* (* *) *) cofix f.", "cofix"),
        ("auto. *) fix f 1.", "fix"),
        ("Definition f@{i} := Type@{i}. Lemma t : goal. auto. Qed.", "@{"),
        ("auto.\nfix\tf 1.", "fix"),
        ("Inductive d := c (x : nat) (y : nat := x).", ":="),
        ("Inductive d : Set := c : let x := 0 in d.", ":="),
        ("Record r := { a : nat; b := a }.", ":="),
        ('Notation "x !" := (S x). Inductive d := c (x : nat).', ":="),
    ],
)
def test_a_word_of_such_a_feature_is_found(text: str, word: str) -> None:
    assert doubted(text) == word


@pytest.mark.parametrize(
    "text",
    [
        "induction n as [|n IH]; simpl; [reflexivity | rewrite IH; reflexivity].",
        "(* we fix n; Module *) apply Nat.add_comm.",
        '(* "*)" fix *) idtac "fix". auto.',
        "Lemma t : match 1 with O => False | _ => True end. Proof. exact I. Qed.",
        "Lemma t : goal. destruct H with (n := 1). apply IHfix with 2. Qed.",
        'Notation "a +* b" := (a + b). Lemma t : goal. rewrite H with 1. Qed.',
        "rewrite fix_eq, fix'. unfold refix.",
        "Inductive d := c : match 1 with O => nat | _ => nat end -> d. Lemma t : goal. pose (x := 1). Qed.",
        "Record r := mk { a : nat; b : a = 1 }. Definition x := {| a := 1; b := eq_refl |}.",
        "Inductive e : nat -> Prop := e0 : e 0 with o : nat -> Prop := o1 n : e n -> o (S n). Lemma t : goal. Qed.",
    ],
)
def test_other_texts_are_not_doubted(text: str) -> None:
    assert doubted(text) is None


def test_known_proofs_of_false_statements_are_doubted_and_references_are_not() -> None:
    assert all(doubted(text) for text in KNOWN)
    for problem in Goals(levels=(1, 2, 3, 4, 5, 6)).synthesize(24, 1):
        assert problem.reference == UNPROVABLE or doubted(problem.reference) is None


def test_time_grows_with_the_length_alone() -> None:
    for part in ("(*", '"', "Lemma ", "with ", "match ", '(*"', "*)", "Lemma a : with. "):
        started = time.process_time()
        doubted(part * (LONGEST // len(part)))
        assert time.process_time() - started < 2.0
