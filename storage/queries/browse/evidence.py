"""Evidence of a verdict for a person: the extracted answer, its place in the text, and the comparison, in the verifier's
words.

A verifier describes each of its rules in plain words (`rollmill.roles.protocols.ExplainsRules`); a run records them
with its rules. A rule without a description is shown by name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.storage.queries.browse.answer_place import AnswerPlace, answer_place, judged_text
from rollmill.storage.queries.browse.why import brief, evidence_lines
from rollmill.storage.queries.reader import Reader

LONGEST = 200  # characters of an answer or reference that is told as it is
Words = Mapping[tuple[str, str], Mapping[str, str]]
"""Plain words by (verifier, version) and the name of a rule."""


@dataclass(frozen=True, slots=True)
class VerdictEvidence:
    """Explanation of one verdict. `found` says where the answer was read, `how` what decided; `place` is in the judged
    text.

    `extracted`: the answer in a line, None if nothing was read. `reference`: the value it was compared with, "" for tests.
    """

    verdict: Verdict
    extracted: str | None
    found: str
    reference: str
    how: str
    details: tuple[str, ...]
    place: AnswerPlace | None


class Subject(NamedTuple):
    """Subject of an explanation: the problem, the judged completion, and the descriptions of rules."""

    problem: Problem
    completion: Completion | None
    words: Words


def rule_words(reader: Reader, verdicts: Iterable[Verdict]) -> Words:
    """The words of the rules of these verdicts' verifiers."""
    keys = {(verdict.verifier, verdict.version) for verdict in verdicts}
    return {key: reader.verifiers.words(*key) for key in sorted(keys)}


def evidence_of(verdict: Verdict, of: Subject) -> VerdictEvidence:
    """The evidence of a verdict."""
    known = of.words.get((verdict.verifier, verdict.version), {})
    *finding, deciding = verdict.rule.split(":")
    how = known.get(deciding, f"rule {verdict.rule}")
    return VerdictEvidence(
        verdict=verdict,
        extracted=None if verdict.extracted is None else _line(verdict.extracted),
        found=", ".join(known[rule] for rule in finding if rule in known),
        reference=_line(verdict.reference_form or of.problem.reference),
        how=f"{how} ({verdict.cause})" if verdict.cause and verdict.outcome != "unparsed" else how,
        details=tuple(evidence_lines(verdict.evidence)),
        place=None if of.completion is None else answer_place(judged_text(of.completion), verdict.extracted, verdict.rule),
    )


def _line(text: str) -> str:
    """A short text itself, else its size."""
    line = text.strip()
    return line if "\n" not in line and len(line) <= LONGEST else brief(text)
