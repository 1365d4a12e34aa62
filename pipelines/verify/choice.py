"""The verifier `choice`: multiple choice, A to J. The option is named by its letter or by its text.

The answer is looked for where `extract` finds it (`####`, a box, "answer is", the whole short text), then in the last line
as a sentence, then in the first line when it is an option and nothing else. What names two options, or one option's letter
with another's text, is no answer. A letter beyond the problem's options is an answer, and wrong.
"""

from functools import lru_cache

from pipelines.verify.answers.equality import STRICT
from pipelines.verify.choice_options import (
    LETTERS,
    Choice,
    Options,
    is_item,
    lists_options,
    named_in,
    named_in_sentence,
    options_of,
)
from pipelines.verify.extract import RULES as EXTRACTION
from pipelines.verify.extract import WINDOW, FinalAnswer, final_answer
from pipelines.verify.finding import Finding, OneByOne, prompt_text, version_of, visible_text
from storage.records import Completion, Problem

_MARKED = ("hash", "boxed", "tag")
_HEAD_LENGTH = 300  # a first line that is longer is no bare option


class ChoiceVerifier(OneByOne):
    """Compares letters; microseconds a completion, safe from any thread."""

    name = "choice"
    rules = (("reference", "1"), *EXTRACTION, ("head", "1"), ("named", "1"), ("none", "1"))
    version = version_of(rules, numbers=f"{STRICT.name}.{STRICT.version}")

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        """The finding on one completion."""
        options = options_of(problem.meta, prompt_text(problem.prompt))
        wanted = _wanted(problem.reference, tuple(options.items()))
        if wanted is None:
            return Finding("undecided", "reference", "the reference names no option of the problem")
        rule, shown, named = _answer(completion, options)
        if named is None:
            return Finding("unparsed", rule, "no option named", None, shown, None, wanted)
        if named.letter is None:
            return Finding("unparsed", f"{rule}:named", f"ambiguous: {named.clash}", None, shown, None, wanted)
        outcome = "correct" if named.letter == wanted else "incorrect"
        evidence = {"by": named.by}
        return Finding(outcome, f"{rule}:named", None, None, shown, named.letter, wanted, evidence)  # type: ignore[arg-type]


def _answer(completion: Completion, options: Options) -> tuple[str, str | None, Choice | None]:
    """(rule, text it looked at, what that names)."""
    text, cut = visible_text(completion), completion.finish_reason == "length"
    final = final_answer(text, cut=cut)
    if final is None:
        return "none", None, None
    named = _marked(final, options)
    if named is not None:
        return final.rule, final.text, named
    if final.rule in _MARKED or cut:
        return "none", final.text, None
    last, first = text.rstrip().rpartition("\n")[2].strip(), text.lstrip().partition("\n")[0].strip()
    listing = lists_options(text[-WINDOW:])
    named = None if listing and is_item(last) else named_in(last, options) or named_in_sentence(last)
    if named is not None and _is_option(named, options):
        return "tail", last, named
    named = named_in(first, options) if len(first) <= _HEAD_LENGTH and first != last and not listing else None
    if named is not None and (named.by == "text" or named.letter is None or _bare_option(first, named, options)):
        return "head", first, named
    return "none", last, None


def _marked(final: FinalAnswer, options: Options) -> Choice | None:
    """What an extracted answer names; a letter that is no option needs a mark to be an answer at all."""
    named = None if final.rule == "tail" else named_in(final.text, options)
    if named is None and final.rule == "phrase":
        named = named_in_sentence(final.text)
    return named if named is None or final.rule not in ("bare",) or _is_option(named, options) else None


def _is_option(named: Choice, options: Options) -> bool:
    return named.letter is None or not options or named.letter in options


def _bare_option(line: str, named: Choice, options: Options) -> bool:
    """Whether a first line holds an option and nothing else: its letter, or its letter with its own text."""
    assert named.letter is not None
    if len(line.strip("*()[].: ")) == 1:
        return _is_option(named, options)
    rest = line.strip("* ").lstrip("([").partition(named.letter)[2].lstrip(")].:*- ")
    other = named_in(rest, options)
    return other is not None and other.by == "text" and other.letter == named.letter


@lru_cache(maxsize=16_384)
def _wanted(reference: str, options: tuple[tuple[str, str], ...]) -> str | None:
    """The letter of the reference, given as a letter or as an option's text."""
    known = dict(options)
    named = named_in(reference, known)
    if named is None or named.letter is None:
        return None
    return named.letter if named.letter in (known or LETTERS) else None
