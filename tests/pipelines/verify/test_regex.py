"""The verifier `regex`: whose pattern it is, what it matches, and patterns that would never end."""

from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.formats.patterns import CPU_SECONDS, BadPatternError, SearchLimitError, compiled_pattern, last_match
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.regex import RegexVerifier

CATASTROPHIC = "(?:a|aa)+$"


def judged(text: str, *, reference: str = "", tests: tuple[str, ...] = (), **options: Any) -> Verdict:
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")
    with RegexVerifier(**options) as verifier:
        return verifier.verify(Problem("?", reference, tests=tests), completion)


@pytest.mark.parametrize(
    ("reference", "text", "outcome"),
    [
        (r"\d{4}", "2024", "correct"),
        (r"\d{4}", " 2024\n", "correct"),
        (r"\d{4}", "In 2024", "incorrect"),
        (r"\d{4}", "20245", "incorrect"),
        (r"(?s).*", "", "unparsed"),
        (r"(?i)yes|no", "YES", "correct"),
        (r"[", "x", "undecided"),
        (r"(?P<a>x", "x", "undecided"),
        ("(" * 4_000 + ")" * 4_000, "x", "undecided"),
        ("a" * 10_001, "x", "undecided"),
        ("", "x", "undecided"),
    ],
)
def test_the_problems_pattern_and_the_whole_text(reference: str, text: str, outcome: str) -> None:
    assert judged(text, reference=reference).outcome == outcome


def test_search_finds_the_pattern_anywhere() -> None:
    assert judged("In 2024", reference=r"\d{4}", match="search").outcome == "correct"
    assert judged("In MMXXIV", reference=r"\d{4}", match="search").outcome == "incorrect"


def test_all_tests_must_match_and_the_share_is_told() -> None:
    verdict = judged("red and blue", tests=("red", "blue", "green", "b.ue"), reference="never", match="search")
    assert (verdict.outcome, verdict.value) == ("incorrect", 0.75)
    assert verdict.evidence == '{"not_matched":["green"]}'
    assert judged("red and blue", tests=("red", "blue"), match="search").value == 1.0


def test_the_recipes_pattern_wins_over_the_problems() -> None:
    assert judged("yes", reference="no", pattern="yes").outcome == "correct"


def test_a_group_named_answer_is_compared_with_the_reference() -> None:
    options: dict[str, Any] = {"pattern": r"total: (?P<answer>\S+)", "match": "search"}
    assert judged("total: 3\ntotal: 12", reference="12", **options).outcome == "correct"
    assert judged("total: 12\ntotal: 3", reference="12", **options).outcome == "incorrect"
    assert judged("sum: 12", reference="12", **options).outcome == "unparsed"
    assert judged("total: 12", reference="", **options).outcome == "undecided"
    assert judged("x", reference="12", pattern="x|(?P<answer>y)").outcome == "unparsed"


def test_a_catastrophic_pattern_is_stopped_and_undecided() -> None:
    verdict = judged("a" * 60 + "b", reference=CATASTROPHIC, match="search")
    assert (verdict.outcome, verdict.cause) == ("undecided", "cpu_limit: more than 1 CPU seconds")


def test_the_limit_holds_for_all_matches_of_a_text_together() -> None:
    text = ("a" * 23 + "x") * 4_000  # each part costs a little, all together minutes
    with pytest.raises(SearchLimitError):
        last_match("(?:(?:a|aa)+!)|x", text, full=False)
    assert CPU_SECONDS == 1.0


def test_a_bad_pattern_in_a_recipe_is_the_users_mistake() -> None:
    with pytest.raises(SetupError, match="unterminated character set"):
        RegexVerifier(pattern="[a-")
    with pytest.raises(SetupError, match="Valid: full, search"):
        RegexVerifier(match="any")  # type: ignore[arg-type]


def test_odd_patterns_are_bad_patterns_and_nothing_else() -> None:
    for pattern in ("\\L<names>", "x{99999999999}", "(?<=a+)" * 3 + "(", "\\p{Nowhere}", "*"):
        with pytest.raises(BadPatternError):
            compiled_pattern(pattern)


def test_pattern_and_match_change_the_version() -> None:
    versions = (RegexVerifier().version, RegexVerifier(pattern="x").version, RegexVerifier(match="search").version)
    assert len(set(versions)) == 3
