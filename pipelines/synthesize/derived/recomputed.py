"""The answer to a made problem computed once more, by another way than the one that gave its reference.

Templates solve an instance twice: `solve` writes steps, `answer_check` uses closed forms. A reference comes from the first,
so the second can contradict it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.joined import with_number
from rollmill.pipelines.synthesize.derived.lineage import lineage_of
from rollmill.pipelines.synthesize.derived.none_of_the_above import NONE
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.template import CheckedTemplate
from rollmill.pipelines.verify.answers.reading import read
from rollmill.pipelines.verify.choice import options_of


def contradicted(problem: Problem) -> bool | None:
    """True if the answer computed once more is another than the reference; None if it cannot be computed."""
    answer = recomputed(problem)
    if answer is None:
        return None
    if problem.kind != "choice":
        return read(answer).form != read(problem.reference).form
    options = options_of(problem.meta, str(problem.prompt))
    right = [letter for letter, text in options.items() if read(text).form == read(answer).form]
    # Where no option is the answer, the option that says so is right.
    none = [letter for letter, text in options.items() if text == NONE]
    # Two options that read as the answer contradict as well: the problem has two keys.
    return (right or none) != [problem.reference]


def recomputed(problem: Problem) -> str | None:
    """The answer to a problem of a shipped template or a chain of them; None if no program of ours knows it."""
    hops = lineage_of(problem).get("hops")
    if hops:
        return _end_of(hops)
    return _checked(str(problem.template), problem.meta.get("params"))


def _end_of(hops: Sequence[Mapping[str, Any]]) -> str | None:
    """Every hop with the answer of the hop before in its place."""
    answer: str | None = None
    for hop in hops:
        params, (key, at) = hop["params"], hop["place"]
        # The first hop receives no number: its key is empty.
        if answer is not None and key:
            params = with_number(params, (key, at), int(answer))
        answer = _checked(str(hop["template"]), params)
        # An answer that is no whole number cannot be handed on.
        if answer is None or not answer.isdigit():
            return answer
    return answer


def _checked(name: str, params: Mapping[str, Any] | None) -> str | None:
    template = TEMPLATES[name]() if name in TEMPLATES else None
    if params is None or not isinstance(template, CheckedTemplate):
        return None
    try:
        return template.answer_check(params)
    # Params are read from stored meta, which may lack keys or hold other types.
    except (ArithmeticError, ValueError, LookupError, TypeError):
        return None
