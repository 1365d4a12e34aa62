"""The verifier `exact`: is the answer the reference, character for character, after stated normalisations? No meaning.

By default only white space around both texts is dropped. `answer: whole` compares the whole text, `answer: final` the final
answer that `extract` finds (`####`, a box, "answer is", the last line).
"""

import unicodedata
from collections.abc import Callable, Mapping
from typing import Literal

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.extract import EXTRACTION, final_answer
from rollmill.pipelines.verify.finding import Finding, OneByOne, rule_table, version_of, visible_text

LONGEST = 1_000_000
"""Characters compared; a longer text cannot equal a shorter reference."""

CASES: Mapping[str, Callable[[str], str]] = {"keep": str, "fold": str.casefold}
SPACES: Mapping[str, Callable[[str], str]] = {
    "keep": str,
    "strip": str.strip,
    "collapse": lambda text: " ".join(text.split()),
    "remove": lambda text: "".join(text.split()),
}
FORMS: Mapping[str, Callable[[str], str]] = {
    "keep": str,
    "NFC": lambda text: unicodedata.normalize("NFC", text),
    "NFKC": lambda text: unicodedata.normalize("NFKC", text),
}


RULES = (
    ("reference", "1", "the problem has no reference"),
    ("text", "1", "the text gives no answer"),
    ("equal", "1", "characters compared one by one"),
)


class ExactVerifier(OneByOne):
    """Equality of normalised texts, the same normalisation on both sides."""

    name = "exact"
    rules, words = rule_table(*RULES)[0], rule_table(*EXTRACTION, *RULES)[1]

    def __init__(
        self,
        *,
        answer: Literal["whole", "final"] = "whole",
        case: str = "keep",
        whitespace: str = "strip",
        unicode: str = "keep",
    ) -> None:
        """Take the options of a recipe.

        Args:
            answer: Compare the `whole` text or the `final` answer.
            case: `keep` it, or `fold` it.
            whitespace: `keep` it, `strip` the ends, `collapse` runs to one blank, or `remove` it.
            unicode: `keep` it, or a normal form: `NFC` or `NFKC`.
        """
        if answer not in ("whole", "final"):
            raise unknown_name("answer of verifier 'exact'", answer, ("whole", "final"))
        self._final = answer == "final"
        if self._final:
            self.rules = rule_table(RULES[0], *EXTRACTION, *RULES[1:])[0]
        # the order matters: forms are composed before and after case is folded, white space goes last
        self._steps = (
            _step("unicode", unicode, FORMS),
            _step("case", case, CASES),
            _step("unicode", unicode, FORMS),  # folding case may undo the composed form
            _step("whitespace", whitespace, SPACES),
        )
        self.version = version_of(self.rules, answer=answer, case=case, whitespace=whitespace, unicode=unicode)

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        wanted = self._normal(problem.reference)
        if not wanted:
            return Finding("undecided", "reference", "the problem has no reference")
        text = self._answer(completion)
        if text is None:
            return Finding("unparsed", "text", "no answer in the text")
        got = self._normal(text) if len(text) <= max(LONGEST, 4 * len(problem.reference)) else text
        outcome = "correct" if got == wanted else "incorrect"
        return Finding(outcome, "equal", None, None, text, got, wanted)  # type: ignore[arg-type]

    def _answer(self, completion: Completion) -> str | None:
        """The text to compare; a text cut off at its length limit is not a whole one."""
        text, cut = visible_text(completion), completion.finish_reason == "length"
        if self._final and not cut:
            final = final_answer(text)
            return final.text if final else None
        return text if text.strip() and not cut else None

    def _normal(self, text: str) -> str:
        for step in self._steps:
            text = step(text)
        return text


def _step(option: str, value: str, known: Mapping[str, Callable[[str], str]]) -> Callable[[str], str]:
    if not isinstance(value, str):
        raise SetupError(f"verifier 'exact': {option} is {value!r}.", choices=sorted(known))
    if value not in known:
        raise unknown_name(f"{option} of verifier 'exact'", value, known)
    return known[value]
