"""The gate's reading of the list of assumptions, and its files."""

from rollmill_proofs.coq.gate import CHECK, axiom_names, candidate_text, opening_text, spec_text
from rollmill_proofs.goal import Goal
from rollmill_proofs.proof_text import ProofText


def test_a_list_of_axioms_alone_has_names() -> None:
    assert axiom_names("Axioms:\nCand.f : 1 = 2\nClassical_Prop.classic\n  : forall P : Prop, P \\/ ~ P\n") == (
        "Cand.f",
        "Classical_Prop.classic",
    )


def test_anything_else_in_the_list_has_none() -> None:
    for line in (
        "Cand.f is assumed to be guarded.",
        "Cand.X relies on an unsafe hierarchy.",
        "Theory:\nType hierarchy is collapsed (logic is inconsistent)",
    ):
        assert axiom_names(f"Axioms:\nCand.f : 1 = 2\n{line}\n") is None
    for printed in ("", "Closed under the global context\n", "Section Variables:\nx : nat\n", "Axioms:\n"):
        assert axiom_names(printed) is None


def test_the_statement_is_fixed_before_the_candidate_is_loaded() -> None:
    lines = CHECK.splitlines()
    assert lines.index("Definition wanted : Prop := W.Spec.goal.") < lines.index("Require W.Cand.")
    assert "Import" not in CHECK


def test_a_script_proves_the_statement_and_a_file_stands_as_written() -> None:
    goal = Goal("f = 1", "Require Import Lia.", "Definition f := 1.")
    assert spec_text(goal) == "Require Import Lia.\nDefinition f := 1.\nDefinition goal : Prop := (f = 1).\n"
    script = ProofText("Proof. reflexivity. Qed.", "whole", "script")
    opening = "Require Import Lia.\nRequire Import W.Spec.\n"
    assert (
        candidate_text(opening_text(goal, script), script) == f"{opening}Theorem t : f = 1.\nProof.\nreflexivity.\nQed.\n"
    )
    file = ProofText("Definition t := eq_refl 1.", "whole", "file")
    assert candidate_text(opening_text(goal, file), file) == f"{opening}Definition t := eq_refl 1.\n"
