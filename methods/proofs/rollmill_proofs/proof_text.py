"""Finds the proof in a completion. Runs nothing.

A proof is a `file` that defines `t`, or else a `script`: tactics, which may stand between `Proof.` and `Qed.`; a script
that begins with `Disproof.` proves the negation. Words in comments do not make a text a file.
The last fenced block of Coq (or of no language) holds it (`fenced`); without a block the whole text does (`whole`), if its
first word is a command or a tactic. Otherwise there is no proof.
"""

import re
from dataclasses import dataclass
from typing import Literal

from rollmill_proofs.goal import DISPROOF

LONGEST = 200_000
"""Most characters of a judged text; a longer text is no proof."""
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w{}.+-]*)[^\n`]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.M | re.S)
_LANGUAGES = frozenset(("", "coq", "rocq", "gallina", "v"))
_DEFINES = re.compile(
    r"(?:\A|(?<=[\s.]))(?:Theorem|Lemma|Definition|Fact|Remark|Corollary|Proposition|Property|Example|Fixpoint|CoFixpoint"
    r"|Let|Instance|Axiom|Parameter|Conjecture|Notation|Inductive|Record|Include|Declare[ \t]+Module)\s+t\b"
)
_BEGIN = re.compile(r"\A\s*Proof(?:\s+using\b[^.]*)?\s*\.")
_END = re.compile(r"(?:\A|(?<=[\s.}]))(?:Qed|Defined)\s*\.\s*\Z")
_COMMENT = re.compile(r"\A(?:\s+|\(\*[^*]*\*+(?:[^)*][^*]*\*+)*\))*")
_LEXICAL = re.compile(r'"[^"]*(?:"|\Z)|\(\*|\*\)')
_FIRST = re.compile(r"[a-z_][a-z_0-9]*|[A-Z]\w*|[-+*{]+|\d+:")
_COMMANDS = """
Proof Disproof Theorem Lemma Definition Fixpoint Inductive Require From Import Export Ltac Section Module Set Unset Open
Local Global Hint Notation Axiom Fact Remark Corollary Proposition Example Qed Admitted Admit Abort Load Redirect Declare
Scheme Record Class Instance Program Goal Restart Focus Unshelve Show Print Check Eval Compute Time Timeout Fail
Succeed Drop Quit Universe Universes Constraint Polymorphic Monomorphic Cd Add Extraction Derive Obligation Next Solve
Coercion Canonical Context Variable Variables Hypothesis Parameter Conjecture Infix Reserved Arguments
"""
_TACTICS = """
abstract absurd admit all apply assert assert_fails assert_succeeds assumption auto autorewrite autounfold btauto case
case_eq cbn cbv change clear clearbody cofix compare compute congruence constr_eq constructor contradict contradiction
cut cutrewrite decide decompose dependent destruct dintuition discriminate discrR do done double dtauto eapply eassert
eassumption easy eauto ecase econstructor edestruct ediscriminate eelim eenough eexact eexists eleft elim elimtype
enough epose eremember erewrite eright eset esimplify_eq esplit etransitivity eval exact exact_no_check exists f_equal
fail field field_simplify firstorder first fix fold fun functional generalize give_up have hnf idtac in induction
info_auto injection instantiate intro intros intuition inversion inversion_clear lapply lazy lazymatch left let lia
lra ltac match move multimatch native_compute nia nra nsatz now omega once only pattern pose progress psatz red refine
reflexivity remember rename repeat replace revert rewrite rewrite_strat right ring ring_simplify rtauto set
setoid_reflexivity setoid_replace setoid_rewrite setoid_symmetry shelve simpl simple simplify_eq solve specialize
split split_Rabs stepl stepr subst suff swap symmetry tauto timeout transitivity transparent_abstract trivial try
tryif unfold unify unshelve vm_cast_no_check vm_compute without wlog zify
"""
_OPENINGS = frozenset(f"{_COMMANDS} {_TACTICS}".split())


@dataclass(frozen=True, slots=True)
class ProofText:
    """The text of a proof, where it stood and its form."""

    text: str
    place: Literal["fenced", "whole"]
    form: Literal["file", "script"]

    @property
    def refutes(self) -> bool:
        """True for a script that proves the negation of the statement."""
        return self.form == "script" and _bare(self.text).startswith(DISPROOF)

    @property
    def tactics(self) -> str:
        """The tactics of a script, without the words around them."""
        body = _bare(self.text).removeprefix(DISPROOF) if self.refutes else _BEGIN.sub("", self.text, count=1)
        return _END.sub("", body).strip()


def proof_of(text: str) -> ProofText | None:
    """The proof in a text, or None if there is none."""
    text = text.replace("\r\n", "\n")
    if len(text) > LONGEST or "\x00" in text:
        return None
    # Pandoc writes a language as `{.coq}`.
    bodies = [match[3] for match in _FENCE.finditer(text) if match[2].strip("{}.").lower() in _LANGUAGES]
    bodies = [body for body in bodies if body.strip()]
    if bodies:
        return _of_form(bodies[-1].strip(), "fenced")
    bare = _bare(text)
    first = _FIRST.match(bare)
    # Every sentence of Coq ends with a full stop.
    if first is None or not (_known(first[0]) and "." in bare):
        return None
    return _of_form(text.strip(), "whole")


def code_of(text: str) -> str:
    """A text without comments and strings, read as Coq does: comments nest, and a string in a comment is a string."""
    kept, depth, last = list[str](), 0, 0
    for part in _LEXICAL.finditer(text):
        if depth == 0:
            kept.append(text[last : part.start()])
        # A closing sign outside of comments closes nothing.
        depth += (part[0] == "(*") - (part[0] == "*)" and depth > 0)
        last = part.end()
    return " ".join([*kept, text[last:] if depth == 0 else ""])


def _bare(text: str) -> str:
    """A text without its leading comments."""
    return text[_COMMENT.match(text).end() :]  # type: ignore[union-attr] # it matches the empty text too


def _known(word: str) -> bool:
    # Bullets, braces and selectors such as `2:` begin scripts as well.
    return word in _OPENINGS or not word[0].isalpha()


def _of_form(body: str, place: Literal["fenced", "whole"]) -> ProofText:
    return ProofText(body, place, "file" if _DEFINES.search(code_of(body)) else "script")
