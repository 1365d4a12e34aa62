"""Plain scripts: proofs of which every sentence is a tactic, read without Coq.

In the middle of a proof Coq reads a sentence that begins with a small letter as a tactic, and a tactic changes nothing but
the proof: it defines no notation, assumes no axiom, sets no option and writes no file. Many plain scripts may therefore
stand in one file, or be tried one after the other in one process, without one of them changing what becomes of another.
Texts with strings, comments or characters beyond ASCII are not plain, nor are those that name the files of the gate or run
compiled terms, perhaps unchecked ones.
"""

import re
from dataclasses import dataclass

_SENTENCE = re.compile(r"\s*(?:(?P<bullet>[-+*]+|[{}]|(?:\d+|all)\s*:\s*\{)|(?P<tactic>\S.*?)\.(?=\s|\Z))", re.S)
_TACTIC = re.compile(r"(?:(?:\d+(?:\s*[-,]\s*\d+)*|all|par)\s*:\s*)?[a-z(\[!]")
_NOT_PLAIN = re.compile(
    r"\"|\(\*|[^\x20-\x7e\n]|\b(?:W|Spec|Cand|Check|Top|goal|timeout|time|native_compute|vm_compute|\w+_no_check)\b"
)
_DEFINITION = re.compile(r"(?:Definition|Fixpoint|Inductive)\b")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with its line, from 1."""

    line: int
    text: str


def plain_script(tactics: str) -> tuple[Sentence, ...] | None:
    """The sentences of a plain script, bullets and braces among them; None for any other text."""
    sentences = _sentences(tactics)
    if sentences is None or not all(_is_tactic(sentence.text) for sentence in sentences):
        return None
    return sentences


def is_plain_context(context: str) -> bool:
    """True where definitions that a statement uses are `Definition`, `Fixpoint` and `Inductive` alone."""
    sentences = _sentences(context) if context.strip() else ()
    return sentences is not None and all(_DEFINITION.match(sentence.text) for sentence in sentences)


def _is_tactic(sentence: str) -> bool:
    return sentence[0] in "-+*{}" or sentence.endswith("{") or _TACTIC.match(sentence) is not None


def _sentences(text: str) -> tuple[Sentence, ...] | None:
    """The sentences of a text without strings and comments; None where it has them or does not end with a sentence."""
    if _NOT_PLAIN.search(text):
        return None
    sentences, at, end = list[Sentence](), 0, len(text.rstrip())
    while at < end:
        match = _SENTENCE.match(text, at)
        if match is None:
            return None
        start = match.start("bullet") if match["bullet"] else match.start("tactic")
        sentences.append(Sentence(1 + text.count("\n", 0, start), text[start : match.end()]))
        at = match.end()
    return tuple(sentences) or None
