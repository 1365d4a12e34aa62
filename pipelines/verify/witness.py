"""The verifier `witness`: is a statement judged rightly, and does it fail at the counterexample that is given?

`Problem.tests` is one JSON object: `counterexamples` (every n at which the statement fails; empty for a true one) and
`largest` (the largest n that it is about). The completion says TRUE, or FALSE with `n = NUMBER`; the last such judgement
counts. A right FALSE with another n is `incorrect` with cause `wrong_witness`, and its `value` is 0.5 (CounterMATH, Li et
al. 2025, scores judgements and examples apart).
"""

import json
import re

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.arithmetic import whole_number
from rollmill.pipelines.verify.finding import Finding, OneByOne, rule_table, version_of, visible_text

_JUDGED = re.compile(r"\b(TRUE|FALSE)\b", re.IGNORECASE)
_WITNESS = re.compile(r"\bn\s*=\s*(\d{1,300})(?![\d.,]*\d)")


class WitnessVerifier(OneByOne):
    """Looks a counterexample up among all that there are; microseconds a pair, safe from any thread."""

    name = "witness"
    rules, words = rule_table(
        ("reference", "1", "the problem does not say where its statement fails"),
        ("judgement", "1", "the judgement, true or false, compared"),
        ("counterexample", "1", "the given n looked up among all counterexamples"),
    )
    version = version_of(rules)

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        failing = _counterexamples(problem)
        if failing is None:
            return Finding("undecided", "reference", "no counterexamples in tests")
        text = visible_text(completion)
        judgements = list(_JUDGED.finditer(text))
        if not judgements:
            return Finding("unparsed", "judgement", "neither TRUE nor FALSE in the text")
        judged, wanted = judgements[-1][1].upper(), "FALSE" if failing else "TRUE"
        if judged != wanted:
            return Finding("incorrect", "judgement", None, 0.0, judged, judged, wanted)
        if not failing:
            return Finding("correct", "judgement", None, 1.0, judged, judged, wanted)
        given = _WITNESS.findall(text, judgements[-1].start())
        n = whole_number(given[0]) if given else None
        form, right = f"FALSE, n = {n}", f"FALSE, n = {min(failing)}"
        if n in failing:
            return Finding("correct", "counterexample", None, 1.0, form, right, right)
        return Finding("incorrect", "counterexample", "wrong_witness" if given else "no_witness", 0.5, form, form, right)


def _counterexamples(problem: Problem) -> frozenset[int] | None:
    """Every n at which the statement fails; None if the tests do not say."""
    try:
        [entry] = [json.loads(test) for test in problem.tests]
        given = entry["counterexamples"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(given, list) or any(type(n) is not int for n in given):
        return None
    return frozenset(given)
