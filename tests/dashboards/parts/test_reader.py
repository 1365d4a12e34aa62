"""The drawer reads a rollout: evidence of its verdict, the answer marked in its text, views, keys, and two side by side."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.storage.queries import Reader, dataset_scope, search_problems
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import HOSTILE, run_in
from tests.dashboards.pages.explore.test_explore import markdown_text
from tests.dashboards.parts.test_prose import HOSTILE as PAYLOADS
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

Page = Callable[..., AppTest]
CODE = "```python\nprint(6 * 7)\n```\n\n```output\n42\n```\n"
TEXTS = (
    rf"So $6 \cdot 7 = 42$, \boxed{{42}} {HOSTILE}",
    f"{CODE}The answer is **42**.",
    "It is less.\n\nThe answer is 41.",
)
RECIPE = """\
recipe_schema: 1
name: read
problems: {imported: read}
generate: {engine: imported}
verify: [{method: number}]
budget: {method: fixed}
select: {method: all_correct}
gate: {min_kept: 1}
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two rollouts that are right, one of them in code, and a wrong one; and a problem of payloads."""
    folder = tmp_path_factory.mktemp("read") / "ws"
    Workspace.init(folder).close()
    (folder / "read.yaml").write_text(RECIPE)
    problems = [
        {"id": "p", "prompt": r"What is $6 \cdot 7$?", "reference": "42", "level": 1},
        {"id": "q", "prompt": "Which payload acts?", "reference": "7", "level": 2},
    ]
    payloads = [f"{text}\n\nThe answer is 7." for text, _ in PAYLOADS.values()]
    answers = [("p", text) for text in TEXTS] + [("q", text) for text in payloads]
    write_lines(folder / "problems.jsonl", problems)
    write_lines(folder / "answers.jsonl", [{"problem_id": of, "model": "m", "text": text} for of, text in answers])
    run_in(
        folder,
        ["import", "problems", "problems.jsonl", "--name", "read"],
        ["import", "rollouts", "answers.jsonl", "--name", "read", "--problems", "read"],
        ["curate", "read.yaml", "--direct"],
    )
    return folder


@pytest.fixture
def drawer(imported: Path, page: Page, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(imported))
    with Reader.open(imported) as reader:
        rows = search_problems(dataset_scope(reader, "read@v1")).rows
    [problem] = [row.id for row in rows if row.prompt.startswith("What is")]
    shown = page("explore", of="version read@v1", problem=problem)
    assert not shown.exception
    return shown


def key(shown: AppTest, name: str) -> str:
    """The key of the first button whose key begins so."""
    return next(button.key for button in shown.button if button.key and button.key.startswith(name))


def test_the_verdict_is_told_and_its_answer_is_marked(drawer: AppTest) -> None:
    said = markdown_text(drawer)
    told = r"extracted **42** in the last box, reference **42**: numbers compared exactly · marked in the text"
    assert told in said
    assert "So $6 \\cdot 7 = 42$, :yellow-background[$\\boxed{42}$] \\<script\\>" in said
    [hint] = [block.help for block in drawer.markdown if block.value.startswith("extracted ")]
    assert hint.startswith(r"rule boxed\:equal of number ")
    assert "problem 1 of 2 matches" in said
    assert r"What is $6 \cdot 7$?" in said
    assert "Reference **42**" in said


def test_keys_go_from_rollout_to_rollout_and_the_address_follows(drawer: AppTest) -> None:
    first = drawer.query_params["rollout"]
    assert "rollout 1 of 3" in markdown_text(drawer)
    assert drawer.button(key=key(drawer, "rollout-K")).disabled
    drawer.button(key=key(drawer, "rollout-J")).click().run()
    assert drawer.query_params["rollout"] != first
    assert "rollout 2 of 3" in markdown_text(drawer)
    assert r"The answer is **:yellow-background[42]**\." in markdown_text(drawer)
    assert [block.value for block in drawer.code] == ["print(6 * 7)", "42"]
    drawer.button(key=key(drawer, "rollout-J")).click().run()
    assert "extracted **41** behind the last “the answer is”, reference **42**" in markdown_text(drawer)
    assert drawer.button(key=key(drawer, "rollout-J")).disabled
    drawer.button(key=key(drawer, "rollout-K")).click().run()
    drawer.button(key=key(drawer, "rollout-K")).click().run()
    assert drawer.query_params["rollout"] == first


def test_an_address_opens_its_rollout_and_a_chosen_answer_stands_in_it(drawer: AppTest, page: Page) -> None:
    [answers] = [group for group in drawer.button_group if (group.key or "").startswith("answer-")]
    assert answers.options == ["42 × 2 correct", "41 × 1 incorrect"]
    answers.set_value("41").run()
    wrong = drawer.query_params["rollout"]
    again = page("explore", of="version read@v1", problem=drawer.query_params["problem"], rollout=wrong)
    assert "extracted **41**" in markdown_text(again)
    unknown = page("explore", of="version read@v1", problem=drawer.query_params["problem"], rollout="nonsense")
    assert "extracted **42**" in markdown_text(unknown)


def test_the_raw_text_is_one_click_away(drawer: AppTest) -> None:
    [views] = [group for group in drawer.button_group if (group.key or "").endswith("-view")]
    assert views.options == ["Trace", "Raw", "Record"]
    views.set_value("Raw").run()
    assert TEXTS[0].replace("\u202e", "⟨202E⟩") in [block.value for block in drawer.code]


def test_two_side_by_side_mark_what_differs(drawer: AppTest) -> None:
    [two] = [toggle for toggle in drawer.toggle if (toggle.key or "").startswith("two-")]
    two.set_value(True).run()
    assert not drawer.exception
    bodies = [block.proto.body for block in drawer.get("html")]
    left, right = (body for body in bodies if "pre-wrap" in body)
    assert "<del style=" in left
    assert ">It is less.\n\nThe answer is 41.</ins>" in right
    assert "<script>" not in left + right
    assert "extracted **42**" in markdown_text(drawer)
    assert "extracted **41**" in markdown_text(drawer)
    assert "marked in the text" not in markdown_text(drawer)
    [marked] = [toggle for toggle in drawer.toggle if (toggle.key or "").startswith("differences-")]
    marked.set_value(False).run()
    assert markdown_text(drawer).count("marked in the text") == 2


def test_a_run_records_the_words_of_its_verifiers(imported: Path) -> None:
    with Reader.open(imported) as reader:
        [run] = reader.runs.list()
        [(name, version)] = run.verifiers
        assert reader.verifiers.words(name, version)["equal"] == "numbers compared exactly"
        assert reader.verifiers.unexplained() == []
