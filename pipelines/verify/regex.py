"""The verifier `regex`: does the text match? The pattern is the recipe's or the problem's, never the model's.

- The problem's patterns are its `tests` (all must match; value: the share that do), or else its reference.
- The recipe's `pattern` holds for every problem. With a group named `answer` it finds the answer (the last match), and the
match must equal the reference after white space around both is dropped; no match gives no answer.
- `match: full` (default): the whole text without white space around it; `search`: somewhere in the text.
A bad pattern in a recipe is a SetupError, one in a problem is `undecided`; so is a search that takes too long.
"""

from typing import Literal

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.formats.patterns import BadPatternError, SearchLimitError, compiled_pattern, dialect, last_match
from rollmill.ground.ids import sha256_text
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.finding import Finding, OneByOne, rule_table, version_of, visible_text

GROUP = "answer"


class RegexVerifier(OneByOne):
    """Matches within a limit of CPU seconds; starts no process."""

    name = "regex"
    rules, words = rule_table(
        ("pattern", "1", "no usable pattern"),
        ("text", "1", "the text is empty"),
        ("match", "1", "the text searched for the pattern"),
    )

    def __init__(self, *, pattern: str = "", match: Literal["full", "search"] = "full") -> None:
        """Take the options of a recipe.

        Args:
            pattern: The regular expression; empty: each problem brings its own.
            match: Match the `full` text, or `search` in it.
        """
        if match not in ("full", "search"):
            raise unknown_name("match of verifier 'regex'", match, ("full", "search"))
        try:
            expression = compiled_pattern(pattern)
        except BadPatternError as error:
            raise SetupError(f"verifier 'regex': pattern {pattern[:100]!r}: {error}.") from None
        self._pattern, self._full = pattern, match == "full"
        self._finds_answer = GROUP in expression.groupindex
        shown = sha256_text(pattern)[:12] if pattern else "problem"
        self.version = version_of(self.rules, dialect=dialect(), match=match, pattern=shown)

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        patterns = [self._pattern] if self._pattern else list(problem.tests) or [problem.reference]
        if not any(patterns):
            return Finding("undecided", "pattern", "neither the recipe nor the problem has a pattern")
        try:
            # Before the text is looked at: a problem's bad pattern is undecided whatever the model wrote.
            for pattern in patterns:
                compiled_pattern(pattern)
        except BadPatternError as error:
            return Finding("undecided", "pattern", f"bad pattern in the problem: {error}")
        text = visible_text(completion).strip()
        if not text:
            return Finding("unparsed", "text", "the text is empty")
        try:
            return self._extracted(problem, text) if self._finds_answer else self._matched(patterns, text)
        except SearchLimitError as error:
            return Finding("undecided", "match", f"cpu_limit: {error}")

    def _matched(self, patterns: list[str], text: str) -> Finding:
        matches = [last_match(pattern, text, full=self._full) for pattern in patterns]
        missed = [pattern[:200] for pattern, match in zip(patterns, matches, strict=True) if match is None]
        share = 1 - len(missed) / len(patterns)
        shown = next((match[0] for match in reversed(matches) if match is not None), None)
        if missed:
            return Finding("incorrect", "match", None, share, shown, evidence={"not_matched": missed[:50]})
        return Finding("correct", "match", None, share, shown)

    def _extracted(self, problem: Problem, text: str) -> Finding:
        wanted = problem.reference.strip()
        if not wanted:
            return Finding("undecided", "pattern", "the problem has no reference")
        match = last_match(self._pattern, text, full=self._full)
        answer = None if match is None else match[GROUP]
        if answer is None:
            return Finding("unparsed", "match", "the pattern finds no answer")
        outcome = "correct" if answer.strip() == wanted else "incorrect"
        return Finding(outcome, "match", None, None, answer, answer.strip(), wanted)  # type: ignore[arg-type]
