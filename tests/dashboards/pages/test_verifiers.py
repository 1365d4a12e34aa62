"""The page Verifiers: rules, disagreements and times are those of the stored verdicts, error rates those of the audit."""

from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.audits import PersonJudgement
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.queries.browse.explore_index import explore_index
from rollmill.storage.queries.judge.audits import rates_of_audit
from rollmill.storage.queries.judge.verifiers import rates_by_rule, verifier_account
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import elements, opened, run_in
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: judged
problems: {imported: judged}
generate: {engine: imported}
verify: [{method: number}, {method: math}]
accept: {method: any_of}
budget: {method: fixed}
select: {method: all_correct}
gate: {min_kept: 1}
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty answers that two verifiers judged; `number` reads no unit, so they differ on ten. A person calls one wrong."""
    folder = tmp_path_factory.mktemp("verifiers") / "ws"
    Workspace.init(folder).close()
    problems = [{"id": f"p{n}", "prompt": f"{n} + 1?", "reference": str(n + 1)} for n in range(10)]
    ends = (r"{n}", r"{n} \\text{{ apples}}", "0")
    rows = [
        {"problem_id": f"p{n}", "text": f"\\boxed{{{end.format(n=n + 1)}}}", "model": "m"}
        for n in range(10)
        for end in ends
    ]
    write_lines(folder / "problems.jsonl", problems)
    write_lines(folder / "rollouts.jsonl", rows)
    (folder / "judged.yaml").write_text(RECIPE)
    run_in(
        folder,
        ["import", "problems", "problems.jsonl", "--name", "judged"],
        ["import", "rollouts", "rollouts.jsonl", "--name", "judged", "--problems", "judged"],
        ["curate", "judged.yaml", "--direct"],
        ["audit", "verifier", "number", "--n", "30"],
    )
    with Reader.open(folder) as reader:
        (audit,) = reader.audits.list()
        items = reader.audits.items(audit.id)
        wrong = next(item for item in items if item.outcome == "correct")
        outcomes: dict[Any, Any] = {item.pair: item.outcome for item in items} | {wrong.pair: "incorrect"}
        reader.audits.judge(
            PersonJudgement(completion, problem, "ann", outcome) for (completion, problem), outcome in outcomes.items()
        )
    return folder


def test_rules_disagreements_and_times_are_those_of_the_verdicts(judged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Reader.open(judged) as reader:
        account = verifier_account(explore_index(run_scope(reader, reader.runs.list()[0].id)))
    assert {row.verifier for row in account.rules} == {"number", "math"}
    assert sum(row.verdicts for row in account.rules) == 60
    differing = sum(row.rollouts for row in account.disagreements)
    assert differing == sum(row.rollouts for row in account.agreements if row.said != row.other_said)
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(judged))
    shown = opened("verifiers", view="Rules")
    assert not shown.exception
    table = shown.dataframe[0].value
    assert table["verdicts"].sum() == 60
    assert table["open"].str.startswith("/explore?of=").all()
    shown = opened("verifiers", view="Disagreements")
    assert any(f"differ on {differing} of 30 rollouts" in block.value for block in shown.markdown)
    assert not opened("verifiers", view="Slowest").exception


def test_error_rates_are_those_of_the_audit_and_by_rule_add_up(judged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Reader.open(judged) as reader:
        (audit,) = reader.audits.list()
        whole = rates_of_audit(reader.audits, audit)["overall"]
        rules = rates_by_rule(reader.audits, audit)
    assert whole["false_accepts_seen"] == 1 == sum(row["false_accepts_seen"] for row in rules.values())
    assert sum(row["audited"] for row in rules.values()) == whole["audited"] == 30
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(judged))
    shown = opened("verifiers")
    assert not shown.exception
    rate = whole["false_accept_rate"]
    assert shown.dataframe[0].value["false accepts"][0] == f"{rate['value']:.3f} [{rate['low']:.3f}, {rate['high']:.3f}]"
    assert set(shown.dataframe[1].value["rule"]) == set(rules)
    assert any("not audited, its errors are not measured" in block.value for block in shown.caption)
    assert any(block.value.startswith("rollmill audit verifier math --run judged-") for block in shown.code)
    assert "Draw an audit" in [link.label for link in elements(shown, "page_link")]
