"""The review page: it hides the verdict, stores what a person judged, goes on where they stopped, and shows the rates."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.session.commands import WRITES
from rollmill.storage.audits import Audit, PersonJudgement
from rollmill.storage.queries import Reader, audit_queue
from rollmill.storage.queries.judge.audits import rates_of_audit
from rollmill.storage.queries.judge.review import identical, judge_all, review_items, review_progress
from tests.dashboards.conftest import run_in

pytestmark = pytest.mark.integration

Open = Callable[[str], AppTest]


@pytest.fixture
def audited(curated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the workspace with an audit of twelve rollouts: the shared one is only read."""
    folder = tmp_path / "ws"
    shutil.copytree(curated, folder)
    with Reader.open(folder) as reader:
        run = next(run.id for run in reader.runs.list() if run.name == "toy")
    audit = ["audit", "verifier", "number", "--run", run]
    run_in(folder, [*audit, "--n", "12"], [*audit, "--n", "5", "--planted"])
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    return folder


def opened(name: str, *, writes: bool = True) -> AppTest:
    imports = f"import rollmill.dashboards.pages.{name} as page\nfrom rollmill.dashboards.session.scope import guarded\n"
    script = f"{imports}guarded(page.show)()\n"
    page = AppTest.from_string(script, default_timeout=60)
    page.session_state[WRITES] = writes
    return page.run()


def natural(reader: Reader) -> Audit:
    return next(audit for audit in reader.audits.list() if audit.kind == "natural")


def judged(folder: Path) -> list[str]:
    with Reader.open(folder) as reader:
        return sorted(vote.judgement for votes in reader.audits.judgements().values() for vote in votes)


def shown_item(page: AppTest) -> list[str]:
    """The problem and the answer that are shown, the problem first; two rollouts may be of one problem."""
    texts = [block.value for block in page.markdown]
    return texts[next(place for place, text in enumerate(texts) if text.startswith("What is ")) :]


def test_a_person_judges_and_the_page_goes_on(audited: Path) -> None:
    page = opened("review")
    assert not page.exception
    assert page.info[0].value.startswith("Type your name")
    page.text_input(key="review-judge").set_value("ann").run()
    first = shown_item(page)
    page.button(key="review-correct").click().run()
    assert judged(audited) == ["correct"]
    assert shown_item(page) != first
    page.button(key="review-skip").click().run()
    page.button(key="review-unsure").click().run()
    assert judged(audited) == ["correct", "unsure"]
    page.button(key="review-undo").click().run()
    assert judged(audited) == ["correct"]
    page.button(key="review-unsure").click().run()
    assert judged(audited) == ["correct", "unsure"]
    again = opened("review", writes=False)
    again.text_input(key="review-judge").set_value("ann").run()
    assert again.button(key="review-correct").disabled
    assert again.info[0].value.startswith("Read-only")
    with Reader.open(audited) as reader:
        assert reader.audits.judges() == {"ann": 2}
        assert rates_of_audit(reader.audits, natural(reader))["n"] == 1


def test_identical_answers_are_judged_alike_and_taken_back_together(audited: Path) -> None:
    with Reader.open(audited) as reader:
        queue = audit_queue(reader)
        everything = range(len(queue.pairs))
        items = review_items(reader, queue, everything)
        same = {item.position: identical(reader, queue, item, everything) for item in items}
        for position, others in same.items():
            assert {(item.problem_id, item.extracted) for item in others} <= {
                (items[position].problem_id, items[position].extracted)
            }
            assert position not in [item.position for item in others]
        judge_all(reader, items[:3], "ann", "correct")
        judge_all(reader, items[:3], "bob", "incorrect")
        agreement = review_progress(reader, queue)
        assert agreement["judged"] == {"ann": 3, "bob": 3}
        assert (agreement["agreement"]["value"], agreement["alpha"]) == (0.0, None)
        reader.audits.withdraw(queue.pairs[:3], "bob")
        assert review_progress(reader, queue)["judged"] == {"ann": 3}


def test_the_verdict_is_hidden_until_asked_for(audited: Path) -> None:
    page = opened("review")
    page.text_input(key="review-judge").set_value("ann").run()
    shown = "\n".join(frame.value.to_csv() for frame in page.dataframe)
    assert "outcome" not in shown
    page.toggle(key="review-hint").set_value(True).run()
    assert "outcome" in page.dataframe[0].value.columns


def test_rates_stand_on_review_and_verifiers(audited: Path) -> None:
    with Reader.open(audited) as reader:
        audit = natural(reader)
        run = audit.source
        reader.audits.judge(
            PersonJudgement(
                item.completion_id, item.problem_id, "ann", "correct" if item.outcome == "correct" else "incorrect"
            )
            for item in reader.audits.items(audit.id)
        )
    page = opened("review")
    page.text_input(key="review-judge").set_value("ann").run()
    assert page.success[0].value == "Nothing is left here."
    table = page.dataframe[0].value
    assert table["pass rate of problem"][0] == "all"
    assert "[" in table["precision, kept"][0]
    shown = opened("verifiers")
    shown.selectbox(key="of-choice").set_value(f"run {run}").run()
    assert not shown.exception
    assert any("false accepts" in frame.value.columns for frame in shown.dataframe)
    assert any("stress test" in block.value for block in shown.caption)


def test_without_an_audit_the_pages_say_so(page: Open) -> None:
    shown = page("review")
    assert "rollmill audit verifier" in shown.code[0].value
    verifiers = page("verifiers")
    assert any("not audited" in block.value for block in verifiers.caption)
