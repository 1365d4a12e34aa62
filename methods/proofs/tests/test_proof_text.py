"""The proof in a text: where it stands, its form, and texts without one."""

import time

import pytest

from rollmill_proofs.proof_text import LONGEST, proof_of

FILE = "Theorem t : 1 = 1.\nProof. reflexivity. Qed."


@pytest.mark.parametrize(
    ("text", "place", "form", "tactics"),
    [
        ("lia.", "whole", "script", "lia."),
        ("Proof. lia. Qed.", "whole", "script", "lia."),
        ("Proof using Type.\n  lia.\nDefined.\n", "whole", "script", "lia."),
        ("- lia. - lia.", "whole", "script", "- lia. - lia."),
        ("{ lia. } lia.", "whole", "script", "{ lia. } lia."),
        ("(* first *) intros n. lia.", "whole", "script", "(* first *) intros n. lia."),
        ("By computation:\n```coq\nlia.\n```\nDone.", "fenced", "script", "lia."),
        ("```\nauto.\n```\nbetter:\n```Coq\nlia.\n```", "fenced", "script", "lia."),
        ("```coq\nlia.", "fenced", "script", "lia."),
        ("```coq\nlia.\n```\n```python\nprint(1)\n```", "fenced", "script", "lia."),
        (f"So:\n```coq\n{FILE}\n```", "fenced", "file", FILE),
        (FILE, "whole", "file", FILE),
        ("Definition t := I.", "whole", "file", "Definition t := I."),
        ("(* Theorem t by lia *) lia.", "whole", "script", "(* Theorem t by lia *) lia."),
        ('```coq\nidtac "Lemma t". lia.\n```', "fenced", "script", 'idtac "Lemma t". lia.'),
        ("Disproof.\nlia.\nQed.", "whole", "script", "lia."),
        ("Disproof. is what I tried first.\n```coq\n(* no *) Disproof. lia.\n```", "fenced", "script", "lia."),
    ],
)
def test_a_proof_is_found(text: str, place: str, form: str, tactics: str) -> None:
    proof = proof_of(text)
    assert proof is not None
    assert (proof.place, proof.form) == (place, form)
    assert (proof.tactics if form == "script" else proof.text) == tactics


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "I do not know.",
        "The theorem is false.",
        "lia",
        "```python\nlia.\n```",
        "42.",
        "l\x00ia.",
        "x" * (LONGEST + 1),
    ],
)
def test_no_proof(text: str) -> None:
    assert proof_of(text) is None


def test_only_the_beginning_of_a_proof_makes_it_a_disproof() -> None:
    refutes = {
        "Disproof.\nlia.": True,
        "(* so *) Disproof. lia.": True,
        "Disproof.\n```coq\nlia.\n```": False,
        "```coq\nlia.\nDisproof.\n```": False,
        "```coq\nDisproof.\nTheorem t : True. exact I. Qed.\n```": False,
    }
    for text, expected in refutes.items():
        proof = proof_of(text)
        assert proof is not None
        assert proof.refutes is expected


def test_time_grows_with_the_length_alone() -> None:
    for text in ("(*" * 90_000, "```coq\n" * 25_000, "Proof " * 30_000, "(* " + "*" * 190_000, "~~~\n" * 40_000):
        started = time.process_time()
        proof_of(text)
        assert time.process_time() - started < 1.0
