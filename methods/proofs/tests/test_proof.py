"""The verifier `proof` with Coq in the sandbox: proofs of both forms, axioms, limits, and hostile texts."""

from collections.abc import Iterator, Sequence

import pytest

from methods.proofs.tests.hostile_features import HOSTILE_FEATURES, KNOWN
from methods.proofs.tests.hostile_proofs import GOAL, HOSTILE_PROOFS, UNCHECKED, UNIVERSES
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill_proofs.goal import Goal
from rollmill_proofs.proof import ProofVerifier

pytestmark = pytest.mark.sandbox
EXTENSIONALITY = "Coq.Logic.FunctionalExtensionality.functional_extensionality_dep"
CLASSIC = "Coq.Logic.Classical_Prop.classic"
SUM = Goal("forall n m : nat, n + m = m + n", "Require Import PeanoNat.")
DOUBLE = Goal("forall n, double n = n + n", "", "Fixpoint double n := match n with 0 => 0 | S p => S (S (double p)) end.")
EXTENSIONAL = "forall f g : nat -> nat, (forall x, f x = g x) -> f = g"
BY_EXTENSIONALITY = "intros f g H. extensionality x. apply H."


@pytest.fixture(scope="module")
def proof() -> Iterator[ProofVerifier]:
    verifier = ProofVerifier(cpu_seconds=4.0, workers=2)
    yield verifier
    verifier.close()


def judged(verifier: ProofVerifier, goal: Goal, text: str) -> Verdict:
    said = Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")
    return verifier.verify(Problem("Prove it.", "", "proof", (goal.test(),)), said)


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        (SUM, "apply Nat.add_comm."),
        (SUM, "Proof.\n  intros n m.\n  now rewrite Nat.add_comm.\nQed."),
        (SUM, "```coq\nTheorem t : forall a b, a + b = b + a.\nProof. exact Nat.add_comm. Qed.\n```"),
        (SUM, "```coq\nLemma helper n m : n + m = m + n. apply Nat.add_comm. Qed.\nDefinition t := helper.\n```"),
        (SUM, "```coq\nDefinition t : goal := Nat.add_comm.\n```"),
        (DOUBLE, "induction n as [|n IH]; simpl; auto. rewrite IH. rewrite <- plus_n_Sm. reflexivity."),
    ],
)
def test_a_proof_is_accepted_in_either_form(proof: ProofVerifier, goal: Goal, text: str) -> None:
    verdict = judged(proof, goal, text)
    assert (verdict.outcome, verdict.cause, verdict.value) == ("correct", None, 1.0)


@pytest.mark.parametrize(
    ("goal", "text", "outcome", "rule", "cause"),
    [
        (SUM, "intros n m.\nreflexivity.", "incorrect", "whole:script", "rejected: line 2: Error:"),
        (SUM, "intros n m. admit.", "incorrect", "whole:script", "rejected: line 2: Error:  (in proof t): Attempt to save"),
        (SUM, "```coq\nAxiom t : goal.\n```", "incorrect", "fenced:file", "axioms: not allowed: Cand.t"),
        (SUM, "do 100000000 (try (do 100000 idtac)).", "incorrect", "whole:script", "timeout"),
        (SUM, "I cannot.", "unparsed", "no-proof", "no proof in the text"),
        (Goal("1 = "), "reflexivity.", "undecided", "goal", "goal: "),
        (Goal("forall x, undefined x"), "reflexivity.", "undecided", "goal", "goal: "),
    ],
)
def test_anything_else_has_an_outcome_and_a_cause(
    proof: ProofVerifier, goal: Goal, text: str, outcome: str, rule: str, cause: str
) -> None:
    verdict = judged(proof, goal, text)
    assert (verdict.outcome, verdict.rule) == (outcome, rule)
    assert (verdict.cause or "").startswith(cause)


def test_tests_without_a_goal_are_undecided(proof: ProofVerifier) -> None:
    said = Completion("c", "p", "e", "m", "", "curate", 0, None, "auto.", "stop")
    verdict = proof.verify(Problem("?", "", "proof", ("1 = 1",)), said)
    assert (verdict.outcome, verdict.rule) == ("undecided", "goal")


def test_memory_that_we_limit_is_nobodys_answer() -> None:
    with ProofVerifier(cpu_seconds=8.0, memory_mib=512, workers=1) as small:
        text = "let n := eval vm_compute in (Nat.pow 2 24) in pose n. reflexivity."
        verdict = judged(small, Goal("1 = 1"), text)
        assert (verdict.outcome, verdict.rule) == ("undecided", "whole:sandbox")
        assert judged(small, Goal("1 = 1"), "reflexivity.").outcome == "correct"


def test_axioms_count_only_where_they_are_allowed(proof: ProofVerifier) -> None:
    imports = "Require Import FunctionalExtensionality."
    refused = judged(proof, Goal(EXTENSIONAL, imports), BY_EXTENSIONALITY)
    assert (refused.outcome, refused.cause) == (
        "incorrect",
        "axioms: not allowed: FunctionalExtensionality.functional_extensionality_dep",
    )
    other = judged(proof, Goal(EXTENSIONAL, imports, allow=(CLASSIC,)), BY_EXTENSIONALITY)
    assert (other.outcome, other.cause) == ("incorrect", f"axioms: not allowed: {EXTENSIONALITY}")
    allowed = judged(proof, Goal(EXTENSIONAL, imports, allow=(EXTENSIONALITY,)), BY_EXTENSIONALITY)
    assert (allowed.outcome, allowed.evidence) == ("correct", f'{{"assumptions":["{EXTENSIONALITY}"]}}')
    with ProofVerifier(allow=[EXTENSIONALITY], workers=1) as lenient:
        assert judged(lenient, Goal(EXTENSIONAL, imports), BY_EXTENSIONALITY).outcome == "correct"
        assert lenient.version != proof.version


def test_allow_takes_full_names_alone() -> None:
    with pytest.raises(SetupError, match=r"verifier 'proof': allow is \['classic'\].*Coq.Logic"):
        ProofVerifier(allow=["classic"])


def test_either_side_counts_only_where_the_problem_says_so(proof: ProofVerifier) -> None:
    refutation = "Disproof.\nintros H. discriminate H."
    verdict = judged(proof, Goal("1 = 2", either=True), refutation)
    assert (verdict.outcome, verdict.evidence) == ("correct", '{"refutes":true}')
    assert judged(proof, Goal("1 = 2", either=True), f"```coq\n{refutation}\nQed.\n```").outcome == "correct"
    assert judged(proof, Goal("1 = 1", either=True), refutation).outcome == "incorrect"
    proved = judged(proof, Goal("1 = 1", either=True), "reflexivity.")
    assert (proved.outcome, proved.evidence) == ("correct", None)
    unasked = judged(proof, Goal("1 = 2"), refutation)
    assert (unasked.outcome, unasked.cause) == ("incorrect", "rejected: a disproof, which the problem does not ask for")
    prose = "Disproof.\nfails, so I prove it:\n```coq\nreflexivity.\n```"
    assert judged(proof, Goal("1 = 1", either=True), prose).outcome == "correct"


def test_the_independent_checker_may_have_to_agree() -> None:
    with ProofVerifier(recheck=True, workers=1) as strict:
        assert strict.version.endswith("+recheck=coqchk")
        assert judged(strict, SUM, "apply Nat.add_comm.").outcome == "correct"
        gate, box = strict.gate(), strict.sandbox()
        made = gate.compiled(box, "Spec", "Definition t : true = true := eq_refl true.", ())
        assert gate.rechecked(box, (("Spec.vo", made.body),)).cause is None
        # A byte 0x41 is the number 1 of OCaml: one of them says which constructor a term is.
        places = [place for place, byte in enumerate(made.body) if byte == 0x41]
        changed = [made.body[:place] + b"\x42" + made.body[place + 1 :] for place in places]
        errors = [gate.rechecked(box, (("Spec.vo", body),)).error for body in changed]
        assert any("Not enough constructors in the type" in error for error in errors)


def _on_hostile(verifier: ProofVerifier, texts: Sequence[str]) -> list[Verdict]:
    goal = Goal(GOAL, allow=(CLASSIC, EXTENSIONALITY))
    problem = Problem("Prove it.", "", "proof", (goal.test(),))
    said = [Completion("c", "p", "e", "m", "", "curate", 0, None, f"```coq\n{text}\n```", "stop") for text in texts]
    return list(verifier.verify_many((problem, completion) for completion in said))


def _none_accepted(verifier: ProofVerifier, texts: Sequence[str]) -> None:
    assert {verdict.outcome for verdict in _on_hostile(verifier, texts)} == {"incorrect"}


def test_known_proofs_of_false_statements_are_not_accepted(proof: ProofVerifier) -> None:
    verdicts = _on_hostile(proof, KNOWN)
    assert [verdict.outcome for verdict in verdicts] == ["incorrect"] * 4 + ["undecided"] * (len(KNOWN) - 4)
    assert all((verdict.cause or "").startswith("rejected: coqchk: ") for verdict in verdicts[:4])
    assert {verdict.rule for verdict in verdicts[4:]} == {"fenced:doubt"}
    assert verdicts[4].cause == "doubt: Coq accepts it, and it uses `Fixpoint`"


def test_the_full_language_is_a_choice_of_the_recipe(proof: ProofVerifier) -> None:
    recursion = "Fixpoint f (n : nat) := match n with 0 => 0 | S m => S (f m) end."
    text = f"```coq\n{recursion}\nDefinition t : goal := eq_refl (f 1).\n```"
    doubted = judged(proof, Goal("1 = 1"), text)
    assert (doubted.outcome, doubted.rule, doubted.value) == ("undecided", "fenced:doubt", None)
    assert judged(proof, Goal("1 = 2"), text).outcome == "incorrect"
    with ProofVerifier(language="full", workers=1) as full:
        assert judged(full, Goal("1 = 1"), text).outcome == "correct"
        assert full.version.endswith("+language=full")
    with pytest.raises(SetupError, match=r"language is 'all'.*core"):
        ProofVerifier(language="all")


def test_no_hostile_feature_is_accepted(proof: ProofVerifier) -> None:
    assert len(set(HOSTILE_FEATURES)) >= 100
    assert {verdict.outcome for verdict in _on_hostile(proof, HOSTILE_FEATURES[::8])} == {"incorrect"}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_none_of_all_hostile_features_is_accepted(proof: ProofVerifier) -> None:
    outcomes = [verdict.outcome for verdict in _on_hostile(proof, HOSTILE_FEATURES)]
    assert outcomes.count("incorrect") >= len(outcomes) - 2
    assert set(outcomes) <= {"incorrect", "undecided"}  # 2^40 as a unary number may exceed the memory before its CPU limit


def test_no_hostile_proof_is_accepted(proof: ProofVerifier) -> None:
    assert len(set(HOSTILE_PROOFS)) >= 100
    _none_accepted(proof, (*HOSTILE_PROOFS[::6], *UNCHECKED[:6:2], *UNIVERSES[1:4:2]))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_none_of_all_hostile_proofs_is_accepted(proof: ProofVerifier) -> None:
    _none_accepted(proof, HOSTILE_PROOFS)
