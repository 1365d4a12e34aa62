"""The first answer of each model to each problem, with its text, for pairwise comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass

from rollmill.storage.queries.comparisons.sides import scopes_of, shown_model
from rollmill.storage.queries.reader import Reader

_FIRST = """
SELECT r.problem_id, c.model, any_value(p.prompt), arg_min(c.text, r.sample_index)
FROM (SELECT * FROM rollouts WHERE {measured}) r
JOIN completions c ON c.id = r.completion_id JOIN problems p ON p.id = r.problem_id
GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A model's first measured completion of a problem. `prompt`: the prompt as stored, in JSON."""

    problem: str
    model: str
    prompt: str
    text: str


def first_answers(reader: Reader, references: Sequence[str]) -> dict[str, dict[str, ModelAnswer]]:
    """The answers by problem and model, of runs, dataset versions and evaluations, each optionally with `:MODEL`."""
    answers: dict[str, dict[str, ModelAnswer]] = {}
    named = [reference.partition(":") for reference in references]
    for scope, wanted in ((scope, model) for name, _, model in named for scope in scopes_of(reader, name)):
        with scope.connection("rollouts", "completions", "problems") as connection:
            rows = connection.execute(_FIRST.format(measured=scope.measured())).fetchall()
        models = sorted({model for _, model, *_ in rows})
        for problem, model, prompt, text in rows:
            name = shown_model(scope, models) if len(models) == 1 else model
            if wanted and name != wanted:
                continue
            answers.setdefault(problem, {}).setdefault(name, ModelAnswer(problem, name, prompt, text))
    return answers
