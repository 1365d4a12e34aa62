"""Verifiers: each says of a completion whether it is right, with evidence. One file or folder per method.

From a notebook, without Prefect and without torch:

    from rollmill.pipelines.verify import verify
    verify([{"prompt": "What is 1/4 + 1/4?", "reference": "1/2", "answer": "The answer is 0.5."}])[0].outcome    # 'correct'
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, overload

from rollmill.ground.by_name import ByName
from rollmill.ground.errors import SetupError, extras_named, unknown_name
from rollmill.ground.records import Verdict
from rollmill.roles.protocols import Verifier
from rollmill.roles.registries import registry

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

VERIFIERS: Mapping[str, Callable[..., Verifier]] = ByName(
    {
        "abstraction": "rollmill.pipelines.verify.functional.abstraction:AbstractionVerifier",
        "all_of": "rollmill.pipelines.verify.composite:AllOfVerifier",
        "any_of": "rollmill.pipelines.verify.composite:AnyOfVerifier",
        "choice": "rollmill.pipelines.verify.choice:ChoiceVerifier",
        "classes": "rollmill.pipelines.verify.structured.class_structure:ClassVerifier",
        "code": "rollmill.pipelines.verify.code.code_verifier:CodeVerifier",
        "code_behaviour": "rollmill.pipelines.verify.code.behaviour:BehaviourVerifier",
        "counterexample": "rollmill.pipelines.verify.code.counterexample:CounterexampleVerifier",
        "constraints": "rollmill.pipelines.verify.constraints.constraints_verifier:ConstraintsVerifier",
        "exact": "rollmill.pipelines.verify.exact:ExactVerifier",
        "json_schema": "rollmill.pipelines.verify.structured.json_schema:JsonSchemaVerifier",
        "judge": "rollmill.pipelines.verify.judged.judge:JudgeVerifier",
        "math": "rollmill.pipelines.verify.mathematics:MathVerifier",
        "number": "rollmill.pipelines.verify.number:NumberVerifier",
        "optimization": "rollmill.pipelines.verify.structured.optimization:OptimizationVerifier",
        "person": "rollmill.pipelines.verify.judged.person:PersonVerifier",
        "regex": "rollmill.pipelines.verify.regex:RegexVerifier",
        "roundtrip": "rollmill.pipelines.verify.code.roundtrip:RoundtripVerifier",
        "state_prefix": "rollmill.pipelines.verify.code.state_prefix:StatePrefixVerifier",
        "tool": "rollmill.pipelines.verify.functional.tool:ToolVerifier",
        "votes": "rollmill.pipelines.verify.judged.votes:VotesVerifier",
        "witness": "rollmill.pipelines.verify.witness:WitnessVerifier",
    }
)


Name = str | None


@overload
def verify(
    rows: "pd.DataFrame", verifier: str | Verifier = ..., *, prompt: Name = ..., reference: Name = ..., answer: Name = ...
) -> "pd.DataFrame": ...


@overload
def verify(
    rows: "duckdb.DuckDBPyRelation",
    verifier: str | Verifier = ...,
    *,
    prompt: Name = ...,
    reference: Name = ...,
    answer: Name = ...,
) -> "duckdb.DuckDBPyRelation": ...


@overload
def verify(
    rows: Iterable[Any], verifier: str | Verifier = ..., *, prompt: Name = ..., reference: Name = ..., answer: Name = ...
) -> list[Verdict]: ...


@extras_named()
def verify(
    rows: Any, verifier: str | Verifier = "math", *, prompt: Name = None, reference: Name = None, answer: Name = None
) -> Any:
    """Judge answers: a verdict for each row, in their order. A frame comes back with verdict columns.

    Args:
        rows: A frame (pandas, Arrow, DuckDB), dicts or dataclasses with the names below, or tuples (prompt, reference,
            answer). An answer is a completion's whole text. A reference may be a number, or a list of alternatives, of
            which one suffices. The verifier is also given `tests` and whatever else a row holds.
        verifier: A name, or an instance, which stays open.
        prompt: Name of the prompts, where it is not a usual one (`user_rows.NAMES`).
        reference: Name of the references.
        answer: Name of the answers.
    """
    from rollmill.pipelines.verify.finding import ANY_OF
    from rollmill.pipelines.verify.structured.dataframes import frame_of
    from rollmill.pipelines.verify.user_rows import Names, pairs_of

    frame = frame_of(rows)
    pairs = list(pairs_of(rows if frame is None else frame.rows(), Names(prompt, reference, answer)))
    with _instance(verifier) as instance:
        every = iter(list(instance.verify_many(pair for alternatives in pairs for pair in alternatives)))
        verdicts = [
            min(islice(every, len(alternatives)), key=lambda verdict: ANY_OF.index(verdict.outcome))
            for alternatives in pairs
        ]
    return verdicts if frame is None else frame.with_verdicts(verdicts)


@contextmanager
def _instance(verifier: str | Verifier) -> Iterator[Verifier]:
    """The verifier: one that is given, or a new one of a name, which is closed at the end."""
    if not isinstance(verifier, str):
        if isinstance(verifier, type) or not isinstance(verifier, Verifier):
            raise SetupError(
                f"{verifier!r} is no verifier.", choices=("a name", "an instance"), next_command="verify(rows, 'math')"
            )
        yield verifier
        return
    known = registry("verifier")
    if verifier not in known:
        raise unknown_name("verifier", verifier, known)
    with closing(known[verifier]()) as instance:
        yield instance


__all__ = ["VERIFIERS", "verify"]
