"""The verifier `person`: what people judged in Review, for completions that the verifiers before it left undecided.

`judgements` is a CSV file in the recipe's folder; `rollmill review --undecided RUN --apply` writes it. A judgement is of a
text as the answer to a problem, so the same text drawn again is judged the same. Rollouts without a judgement stay
`undecided`.
"""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import OUTCOMES, Completion, Problem
from rollmill.pipelines.verify.finding import Finding, OneByOne, rule_table, version_of

CAUSES = {"unparsed": "people find no answer", "undecided": "people could not tell, or differ"}


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """A row of the file. `answer`: the digest of a completion's text; `judged_by`: who said what, for people."""

    problem_id: str
    answer: str
    outcome: str
    judged_by: str


def answer_digest(completion: Completion) -> str:
    """Digest of a completion's text with all its turns."""
    turns = [[turn.role, turn.kind, turn.content] for turn in completion.messages or ()]
    return digest128([completion.text, turns])


def write_judgements(path: Path, answers: list[JudgedAnswer]) -> None:
    """The file that the verifier reads."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(JudgedAnswer)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(asdict, answers))


class PersonVerifier(OneByOne):
    """A look-up; its version holds the content of the file, so another judgement is another version."""

    name = "person"
    rules, words = rule_table(("judged", "1", "judged by people"), ("not-judged", "1", "nobody judged this text"))

    def __init__(self, judgements: str, recipe_folder: str | None = None) -> None:
        """Take the options of a recipe.

        Args:
            judgements: File of judgements, relative to the recipe.
        """
        answers = _read(Path(recipe_folder or ".") / judgements)
        self._answers = {(answer.problem_id, answer.answer): answer for answer in answers}
        # Of what counts, not of all rows: where two rows speak of one text the last counts, and their order decides.
        counted = self._answers.values()
        content = sorted((answer.problem_id, answer.answer, answer.outcome, answer.judged_by) for answer in counted)
        self.version = version_of(self.rules, judgements=digest128(content)[:12])

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        """Finding from people's judgement of this text."""
        judgement = self._answers.get((problem.id, answer_digest(completion)))
        if judgement is None:
            return Finding("undecided", "not-judged", "nobody judged this text")
        evidence = {"judged_by": judgement.judged_by}
        return Finding(judgement.outcome, "judged", CAUSES.get(judgement.outcome), evidence=evidence)  # type: ignore[arg-type]


def _read(path: Path) -> list[JudgedAnswer]:
    again = "rollmill review --undecided RUN --apply writes one; dataset verify --base FOLDER says where it lies"
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        answers = [JudgedAnswer(**{field.name: row[field.name] or "" for field in fields(JudgedAnswer)}) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SetupError(f"verifier 'person': {path} cannot be read: {error}.", next_command=again) from None
    except KeyError as error:
        raise SetupError(f"verifier 'person': {path} has no column {error}.", next_command=again) from None
    for answer in answers:
        if answer.outcome not in OUTCOMES:
            raise SetupError(f"verifier 'person': {path}: {answer.outcome!r} is no outcome.", choices=OUTCOMES)
    return answers
