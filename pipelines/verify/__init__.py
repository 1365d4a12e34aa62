"""Verifiers: each says of a completion whether it is right, with evidence. One file or folder per method.

From a notebook, without Prefect and without torch:

    from pipelines.verify import verify
    verify([{"prompt": "What is 1/4 + 1/4?", "reference": "1/2", "answer": "The answer is 0.5."}])[0].outcome    # 'correct'
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, overload

from pipelines.by_name import ByName
from pipelines.protocols import Verifier
from storage.errors import SetupError, unknown_name
from storage.records import Verdict

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

VERIFIERS: Mapping[str, Callable[..., Verifier]] = ByName(
    {
        "all_of": "pipelines.verify.composite:AllOf",
        "any_of": "pipelines.verify.composite:AnyOf",
        "choice": "pipelines.verify.choice:ChoiceVerifier",
        "code": "pipelines.verify.code:CodeVerifier",
        "counterexample": "pipelines.verify.counterexample:CounterexampleVerifier",
        "constraints": "pipelines.verify.constraints:ConstraintsVerifier",
        "exact": "pipelines.verify.exact:ExactVerifier",
        "json_schema": "pipelines.verify.json_schema:JsonSchemaVerifier",
        "judge": "pipelines.verify.judge:JudgeVerifier",
        "math": "pipelines.verify.mathematics:MathVerifier",
        "number": "pipelines.verify.number:NumberVerifier",
        "optimization": "pipelines.verify.optimization:OptimizationVerifier",
        "person": "pipelines.verify.person:PersonVerifier",
        "regex": "pipelines.verify.regex:RegexVerifier",
        "roundtrip": "pipelines.verify.roundtrip:RoundtripVerifier",
        "state_prefix": "pipelines.verify.state_prefix:StatePrefixVerifier",
        "votes": "pipelines.verify.votes:VotesVerifier",
    }
)


@overload
def verify(
    rows: "pd.DataFrame",
    verifier: str | Verifier = ...,
    *,
    prompt: str | None = ...,
    reference: str | None = ...,
    answer: str | None = ...,
) -> "pd.DataFrame": ...


@overload
def verify(
    rows: "duckdb.DuckDBPyRelation",
    verifier: str | Verifier = ...,
    *,
    prompt: str | None = ...,
    reference: str | None = ...,
    answer: str | None = ...,
) -> "duckdb.DuckDBPyRelation": ...


@overload
def verify(
    rows: Iterable[Any],
    verifier: str | Verifier = ...,
    *,
    prompt: str | None = ...,
    reference: str | None = ...,
    answer: str | None = ...,
) -> list[Verdict]: ...


def verify(
    rows: Any,
    verifier: str | Verifier = "math",
    *,
    prompt: str | None = None,
    reference: str | None = None,
    answer: str | None = None,
) -> Any:
    """Verdicts on rows, in their order; a frame for a frame (pandas, Arrow, DuckDB), with the verdicts as columns.

    A row is a dict, a dataclass or what else names its values, or a tuple (prompt, reference, answer); `prompt`,
    `reference` and `answer` say what these are called where they have other names than usual (`user_rows.NAMES`). An answer
    is a completion's whole text. A reference may be a number, or a list of alternatives, of which one that is met suffices.
    `tests` and what else a row holds go to the verifier too. One that is given ready made, with its options, stays open.
    """
    from pipelines.verify.dataframes import frame_of
    from pipelines.verify.finding import ANY_OF
    from pipelines.verify.user_rows import Names, pairs_of

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
    if verifier not in VERIFIERS:
        raise unknown_name("verifier", verifier, VERIFIERS)
    with closing(VERIFIERS[verifier]()) as instance:
        yield instance


__all__ = ["VERIFIERS", "verify"]
