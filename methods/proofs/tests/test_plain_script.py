"""Plain scripts: sentences of tactics alone, with their lines."""

import pytest

from methods.proofs.tests.hostile_proofs import HOSTILE_PROOFS
from rollmill_proofs.goals import UNPROVABLE, Goals
from rollmill_proofs.plain_script import Sentence, is_plain_context, plain_script


def test_sentences_bullets_and_braces_have_their_lines() -> None:
    script = "induction n as [|n IH].\n- simpl; auto.\n-- { now rewrite Nat.add_comm. }\n2: lia.\nall: { eauto 4... }"
    assert plain_script(script) == (
        Sentence(1, "induction n as [|n IH]."),
        Sentence(2, "-"),
        Sentence(2, "simpl; auto."),
        Sentence(3, "--"),
        Sentence(3, "{"),
        Sentence(3, "now rewrite Nat.add_comm."),
        Sentence(3, "}"),
        Sentence(4, "2: lia."),
        Sentence(5, "all: {"),
        Sentence(5, "eauto 4..."),
        Sentence(5, "}"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "reflexivity",
        "reflexivity. Qed.",
        "Admitted.",
        'idtac "done".',
        "auto. (* a comment *)",
        "#[local] auto.",
        "exact I. Unset Guard Checking.",
        "exact W.Spec.other.",
        "unfold goal. auto.",
        "timeout 1 auto.",
        "change_no_check True. vm_compute. auto.",
        "vm_compute; reflexivity.",
        "apply α.",
        "auto.\x00",
        "auto.\tlia.",
    ],
)
def test_any_other_text_is_not_plain(text: str) -> None:
    assert plain_script(text) is None


def test_hostile_texts_with_a_command_are_not_plain_and_references_are() -> None:
    plain = {text for text in HOSTILE_PROOFS if plain_script(text)}
    assert all(word[0].islower() for text in plain for word in text.split(". ")), plain
    assert len(plain) < 20
    for problem in Goals().synthesize(20, 1):
        assert problem.reference == UNPROVABLE or plain_script(problem.reference)


def test_plain_definitions_cannot_change_what_follows() -> None:
    for context in ("", "\n", "Definition f := 1.", "Fixpoint f (n : nat) := n.\nInductive d := D."):
        assert is_plain_context(context)
    for context in (
        'Notation "x" := 1.',
        "Definition f := 1. Global Open Scope Z_scope.",
        "Hint Resolve f.",
        "Definition f",
    ):
        assert not is_plain_context(context)
