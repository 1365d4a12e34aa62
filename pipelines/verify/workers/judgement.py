"""The question a worker process answers: is this answer that reference? Numbers first, then the library."""

from typing import Any

from pipelines.verify.answers import numeric
from pipelines.verify.answers.equality import EqualityContext
from pipelines.verify.answers.reading import read
from pipelines.verify.answers.same import Judge
from pipelines.verify.workers import library


def warm_up() -> None:
    """The import that nearly every question needs; the library's (half a second) is left to the first that needs it."""
    import mpmath  # noqa: F401


def decide(question: dict[str, Any]) -> dict[str, Any]:
    """{"outcome", "rule"} for {"reference", "answer", "asks"}; may be slow, may be killed."""
    reference, answer = str(question["reference"]), str(question["answer"])
    context = EqualityContext.from_json(question["asks"])
    left, right = read(reference).value, read(answer).value
    if left is not None and right is not None:
        same = Judge(context, numeric.agree).same(left, right)
        if same is not None:
            return {"outcome": "correct" if same else "incorrect", "rule": "numbers"}
    outcome, rule = library.opinion(reference, answer)
    return {"outcome": outcome, "rule": rule}
