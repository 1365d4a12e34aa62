"""All of the real data goes through, with literal counts. Read from beside the checkout; a missing file fails by name."""

import pytest

from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportCount, ImportSpec
from rollmill.storage.imports.stored import answering, model_counts
from rollmill.storage.workspace import Workspace
from tests.shared_data import shared_data

pytestmark = pytest.mark.data


def rows(ws: Workspace, query: str) -> list[tuple[object, ...]]:
    with ws.segments.connect() as connection:
        return connection.sql(query).fetchall()


def labels(ws: Workspace) -> list[tuple[object, ...]]:
    return rows(ws, "SELECT meta ->> '$.is_correct' AS label, count(*) FROM completions GROUP BY 1 ORDER BY 1")


def test_gsm8k(ws: Workspace) -> None:
    problems = ImportSpec(shared_data("gsm8k_problems.jsonl"), "gsm8k")
    rollouts = ImportSpec(shared_data("gsm8k_rollouts.jsonl"), "gpt3", problems="gsm8k")
    assert import_problems(ws, problems).problems == ImportCount(new=660)
    assert import_rollouts(ws, rollouts).completions == ImportCount(new=2640)
    assert import_problems(ws, problems).problems == ImportCount(already=660)
    assert import_rollouts(ws, rollouts).completions == ImportCount(already=2640)
    assert rows(ws, "SELECT model, count(*), max(sample_index) FROM completions GROUP BY 1 ORDER BY 1") == [
        ("gpt3-175b_finetuning", 660, 0),
        ("gpt3-175b_verification", 660, 0),
        ("gpt3-6b_finetuning", 660, 0),
        ("gpt3-6b_verification", 660, 0),
    ]
    assert labels(ws) == LABELS["gsm8k"]


def test_math(ws: Workspace) -> None:
    assert import_problems(ws, ImportSpec(shared_data("math_problems.jsonl"), "math")).problems == ImportCount(new=50)
    report = import_rollouts(ws, ImportSpec(shared_data("math_rollouts.jsonl"), "qwen", problems="math"))
    assert report.completions == ImportCount(new=400)
    assert rows(ws, "SELECT min(level), max(level), count(level) FROM problems") == [(1, 5, 50)]
    assert rows(ws, "SELECT max(sample_index), count(meta ->> '$.reward') FROM completions") == [(7, 400)]
    assert labels(ws) == LABELS["math"]


def test_mathcoder_carries_its_problems(ws: Workspace) -> None:
    spec = ImportSpec(shared_data("mathcoder_rollouts.parquet"), "mathcoder")
    report = import_rollouts(ws, spec)
    assert (report.problems, report.completions) == (ImportCount(new=2542), ImportCount(new=12748))
    assert rows(ws, "SELECT source, count(*) FROM problems GROUP BY 1 ORDER BY 1") == [
        ("GSM8K", 667),
        ("MATH", 582),
        ("SVAMP", 497),
        ("mathematics", 546),
        ("simuleq", 250),
    ]
    assert labels(ws) == LABELS["mathcoder"]
    assert rows(ws, "SELECT count(DISTINCT model), count(messages), count(*) FILTER (text = '') FROM completions") == [
        (6, 12748, 0)
    ]
    again = import_rollouts(ws, spec)
    assert (again.problems, again.completions) == (ImportCount(already=2542), ImportCount(already=12748))


def test_humaneval_is_code_with_tests(ws: Workspace) -> None:
    assert import_problems(ws, ImportSpec(shared_data("humaneval.jsonl"), "humaneval")).problems == ImportCount(new=82)
    checked = "count(*) FILTER (tests LIKE '%def check(candidate)%')"
    query = f"SELECT kind, count(*), {checked}, min(external_id) FROM problems GROUP BY 1"
    assert rows(ws, query) == [("code", 82, 82, "HumanEval/0")]
    assert rows(ws, "SELECT count(meta ->> '$.entry_point') FROM problems") == [(82,)]


LABELS: dict[str, list[tuple[object, ...]]] = {
    "gsm8k": [("false", 1654), ("true", 986)],
    "math": [("false", 49), ("true", 351)],
    "mathcoder": [("false", 3429), ("true", 9319)],
}


def test_a_problem_set_has_its_own_rollouts_and_no_others(ws: Workspace) -> None:
    """Each file holds rollouts of the other's problems; a plan without this scope took those along."""
    import_problems(ws, ImportSpec(shared_data("gsm8k_problems.jsonl"), "gsm8k"))
    import_rollouts(ws, ImportSpec(shared_data("gsm8k_rollouts.jsonl"), "gpt3", problems="gsm8k"))
    import_rollouts(ws, ImportSpec(shared_data("mathcoder_rollouts.parquet"), "mathcoder"))

    def taken(problem_set: str, names: tuple[str, ...]) -> int:
        table = ws.segments.read("problems", producer=f"import:{problem_set}", columns=("prompt_id",))
        return sum(model.rollouts for model in model_counts(ws.segments, names, set(table["prompt_id"].to_pylist())))

    assert (answering(ws, "gsm8k"), answering(ws, "mathcoder")) == (("gpt3",), ("mathcoder",))
    assert (taken("gsm8k", ("gpt3",)), taken("mathcoder", ("mathcoder",))) == (2640, 12748)
    assert (taken("gsm8k", ("gpt3", "mathcoder")), taken("mathcoder", ("gpt3", "mathcoder"))) == (5407, 14100)
