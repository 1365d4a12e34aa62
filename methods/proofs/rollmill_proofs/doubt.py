"""Doubt about a proof that Coq accepts: it uses a feature of Coq by which proofs of false statements are known.

Coq 8.16 accepts such proofs as closed under the global context, and `coqchk` agrees with most of them. The numbers are of
reports to Coq's developers; `KNOWN` in `methods/proofs/tests/hostile_features.py` has the twelve that 8.16 accepts. The
other features are doubted because of reports about earlier and later versions.

| feature | words | reports |
|---|---|---|
| recursion of its own | `Fixpoint`, `fix`, `Function`, a theorem `with` another | 20413, 20455 |
| corecursion of its own | `CoFixpoint`, `cofix` | 22386, 22389 |
| modules and functors | `Module`, `Include` | 12155, 16646, 22366, 22387 |
| local definitions in constructors | `:=` or `let` inside `Inductive`, `Record` ... | 22378, 22387 |
| primitives in signatures | `Primitive`, `Register` | 18503 |
| polymorphic universes, strict propositions | `Polymorphic`, `@{`, `SProp` ... | 22376, 22383 |
| checks switched off | `Unset Guard Checking`, `bypass_check` ... | 12155, 16646, 22366 |
| compiled conversion, terms built unchecked | `native_compute`, `Ltac2` | 16645, 17871 |
| commands from files | `Load`, `Redirect`, `Extraction` | |

Only the text is read. Coq has no other way to write these features, save that Ltac could rebuild a recursive function of
the library; induction needs none of them. What a problem's own definitions use is not doubted.
"""

import re

from rollmill_proofs.proof_text import code_of

_WORD = re.compile(
    r"(?<![\w'])(?:fix|cofix|Fixpoint|CoFixpoint|Function|Equations|Module|Include|Primitive|Register|Polymorphic|Cumulative"
    r"|Polymorphism|Cumulativity|polymorphic|cumulative|universes|SProp|StrictProp|UIP|Checking|bypass_check|Ltac2|ML|Load"
    r"|Redirect|Extraction|native_compute|native_cast_no_check)(?![\w'])|@\{"
)
_STATED = re.compile(
    r"\b(?:Theorem|Lemma|Fact|Remark|Corollary|Proposition|Property|Example|Definition|Let)\b.*?(?:\.(?=\s)|\Z)", re.S
)
_TYPE = re.compile(r"\b(?:Inductive|CoInductive|Variant|Record|Structure|Class)\b.*?(?:\.(?=\s)|\Z)", re.S)
_LET = re.compile(r"(?<![\w'])let(?![\w'])")
_PAIRED = re.compile(r"(?<![\w'])(match|with)(?![\w'])")
_NOTATION = re.compile(r"\b(?:Notation|Infix)\b")


def doubted(text: str) -> str | None:
    """The first word of such a feature in a proof; None if there is none."""
    code = code_of(text)
    word = _WORD.search(code)
    if word is not None:
        return word[0]
    notations = _NOTATION.search(code) is not None
    if any(_is_mutual(sentence[0], notations) for sentence in _STATED.finditer(code)):
        return "with"
    return ":=" if any(notations or _has_local(sentence[0]) for sentence in _TYPE.finditer(code)) else None


def _has_local(sentence: str) -> bool:
    """True if a definition of types has more than one `:=` for each of them, or `let`."""
    words = [word[1] for word in _PAIRED.finditer(sentence)]
    types = 1 + max(0, words.count("with") - words.count("match"))
    return sentence.count(":=") > types or _LET.search(sentence) is not None


def _is_mutual(sentence: str, notations: bool) -> bool:
    """True if a statement has a `with` that belongs to no `match`, or may, as notations can use these words too."""
    words = [word[1] for word in _PAIRED.finditer(sentence)]
    return words.count("with") > words.count("match") or (notations and "with" in words)
