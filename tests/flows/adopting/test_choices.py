"""Answers chosen by log-probability: a real log of lm-evaluation-harness 0.4.13, and its forms that it may take.

The log under `logs/lm_eval_choices` was made by the tool's own command line with its dummy model, which gives random
log-likelihoods: twelve questions with four choices, all four metrics that choose, and the Brier score.
"""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rollmill.flows.adopting import Adopt, AdoptRequest, adopt, stored_log
from rollmill.flows.cli.make.adopt import overview
from rollmill.flows.driver import Outcome, drive
from rollmill.ground.errors import SetupError
from rollmill.storage.imports.logs.choices import RULES, LoggedChoices
from rollmill.storage.imports.logs.evaluation_log import EvaluationLog, unfolded_log
from rollmill.storage.imports.logs.lm_eval import read
from rollmill.storage.workspace import Workspace
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

LOG = Path(__file__).parent / "logs" / "lm_eval_choices"
SAMPLES = next(LOG.glob("samples_*.jsonl"))
ROWS = [json.loads(line) for line in SAMPLES.read_text().splitlines()]
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A workspace with the log, and what became of it."""
    root = tmp_path_factory.mktemp("choices")
    Workspace.init(root).close()
    return root, drive(Adopt(AdoptRequest(root, SAMPLES, "facts")))


def chosen_by_numpy(row: dict[str, Any], rule: str) -> int:
    """The choice as the tool itself takes it, from the row's own texts and log-likelihoods."""
    texts = row["doc"]["choices"]
    given, alone = np.array([float(pair[0][0]) for pair in row["resps"]]).reshape(2, len(texts))
    lengths = {"acc_norm": [len(text) for text in texts], "acc_bytes": [len(text.encode()) for text in texts]}
    values = given - alone if rule == "acc_mutual_info" else given / np.array(lengths.get(rule, [1] * len(texts)))
    return int(np.argmax(values))


def changed(tmp_path: Path, change: Change, about: Change | None = None) -> list[EvaluationLog]:
    """The logs in a copy of which every row is changed, and the results by `about`."""
    folder = tmp_path / "changed"
    shutil.copytree(LOG, folder)
    rows = json.loads(json.dumps(ROWS))
    for row in rows:
        change(row)
    path = folder / SAMPLES.name
    write_lines(path, rows)
    results_path = next(folder.glob("results_*.json"))
    results = json.loads(results_path.read_text())
    if about is not None:
        about(results)
    results_path.write_text(json.dumps(results))
    return read(path, unfolded_log(path))


def test_each_metric_that_chooses_is_a_log_whose_numbers_come_out_again(adopted: tuple[Path, Outcome]) -> None:
    reports = adopted[1]["adopted"]
    assert [(report["name"], report["task"]) for report in reports] == [
        ("facts", "facts"),
        ("facts.acc_norm", "facts.acc_norm"),
        ("facts.acc_bytes", "facts.acc_bytes"),
        ("facts.acc_mutual_info", "facts.acc_mutual_info"),
    ]
    results = json.loads(next(LOG.glob("results_*.json")).read_text())["results"]["facts"]
    for rule, report in zip(RULES, reports, strict=True):
        row, *others = report["numbers"]
        assert (row["number"], row["printed"]) == (f"{rule},none", results[f"{rule},none"])
        assert row["equal"]
        assert row["stderr_equal"]
        assert row["on_verdicts"]["value"] == row["on_labels"]["value"] == pytest.approx(row["printed"], abs=1e-12)
        assert report["verify"] == ["exact"]
        assert report["verdicts"]["counts"]["same"] == report["rollouts"] == 12
        assert [other["number"] for other in others] == (["brier_score,none"] if rule == "acc" else [])
    brier = reports[0]["numbers"][1]
    assert (brier["from_rows"], brier["on_verdicts"]) == (None, None)
    assert brier["why"] == "aggregation 'brier_score' of that tool is not computed here"


def test_the_answer_is_the_choice_that_the_rule_takes() -> None:
    logs = read(SAMPLES, unfolded_log(SAMPLES))
    different = 0
    for rule, log in zip(RULES, logs, strict=True):
        picks = [chosen_by_numpy(row, rule) for row in ROWS]
        assert [answer.text for answer in log.answers] == [
            row["doc"]["choices"][at] for row, at in zip(ROWS, picks, strict=True)
        ]
        assert [answer.reference for answer in log.answers] == [row["doc"]["choices"][row["doc"]["answer"]] for row in ROWS]
        different += [chosen_by_numpy(row, "acc") for row in ROWS] != picks
    assert different == 3
    assert logs[0].answers[0].prompt == "Question: Which planet is known as the red one?\nAnswer:"


def test_bytes_and_characters_are_two_lengths_and_the_first_of_equal_ones_is_taken() -> None:
    choices = LoggedChoices("q", ["ä", "ab"], [-1.0, -1.5])
    assert RULES["acc_norm"].values(choices) == [-1.0, -0.75]
    assert RULES["acc_bytes"].values(choices) == [-0.5, -0.75]
    assert RULES["acc_norm"].values(LoggedChoices("q", ["", "b"], [-1.0, -9.0])) == [-math.inf, -9.0]


def test_nothing_of_the_log_is_lost(adopted: tuple[Path, Outcome]) -> None:
    with Workspace.open(adopted[0]) as workspace:
        for report in adopted[1]["adopted"]:
            stored = stored_log(workspace, report["name"])
            assert list(stored.rows[SAMPLES.name].values()) == SAMPLES.read_text().splitlines()
            assert set(stored.files) == {next(LOG.glob("results_*.json")).name}


def test_the_overview_has_every_log_and_a_label_names_one(adopted: tuple[Path, Outcome], tmp_path: Path) -> None:
    page = overview(adopted[1])
    assert page.startswith("4 logs adopted, 0 not.")
    assert "note: facts.acc_norm: nothing was drawn: each answer is the choice with the largest log-likelihood per" in page
    again = drive(Adopt(AdoptRequest(adopted[0], LOG, "facts")))
    assert [report["stored"] for report in again["adopted"]] == [{"new": 0, "already": 12}] * 4
    [report] = drive(Adopt(AdoptRequest(adopted[0], LOG, "norm", label="acc_norm,none")))["adopted"]
    assert (report["task"], report["numbers"][0]["number"]) == ("facts.acc_norm", "acc_norm,none")
    with pytest.raises(SetupError, match=r"holds 4 logs\. Valid: acc,none, acc_norm,none"):
        adopt(AdoptRequest(adopted[0], LOG))


def unchanged(row: dict[str, Any]) -> None:
    assert row


def old_form(row: dict[str, Any]) -> None:
    """As earlier versions write: values and not their texts, arguments as lists, and no conditional twin."""
    row["resps"] = [[[float(pair[0][0]), pair[0][1] == "True"]] for pair in row["resps"][:4]]
    row["arguments"] = [[request["arg_0"], request["arg_1"]] for request in list(row["arguments"].values())[:4]]
    row["metrics"] = ["acc", "acc_norm"]


def test_the_form_of_earlier_versions_is_read(tmp_path: Path) -> None:
    logs = changed(tmp_path, old_form)
    assert [log.chosen for log in logs] == ["acc", "acc_norm"]
    whole = read(SAMPLES, unfolded_log(SAMPLES))
    assert [[answer.text for answer in log.answers] for log in logs] == [
        [answer.text for answer in log.answers] for log in whole[:2]
    ]


@pytest.mark.parametrize(
    ("target", "reference"),
    [("carbon dioxide", "carbon dioxide"), ("[1]", "carbon dioxide"), ("[0, 1]", None), ("7", None), ("-100", None)],
)
def test_a_target_is_a_place_or_a_choice(tmp_path: Path, target: str, reference: str | None) -> None:
    def change(row: dict[str, Any]) -> None:
        row["target"] = target if row["doc_id"] == 1 else row["target"]

    log = changed(tmp_path, change)[0]
    if reference is None:
        [aside] = log.aside["no one target among its choices"]
        assert (aside.problem, len(log.answers)) == ("1", 11)
        assert json.loads(log.files[f"{SAMPLES.name}, set aside"])["doc_id"] == 1
    else:
        assert log.answers[1].reference == reference
        assert not log.aside


def test_a_target_that_is_one_choice_and_the_place_of_another_is_no_target(tmp_path: Path) -> None:
    def change(row: dict[str, Any]) -> None:
        for name, text in (("gen_args_0", " 1"), ("gen_args_4", " 1")):
            row["arguments"][name]["arg_1"] = text

    logs = changed(tmp_path, change)
    assert {answer.problem for answer in logs[0].aside["no one target among its choices"]} == {
        str(row["doc_id"]) for row in ROWS if row["target"] == "1"
    }


def no_number(row: dict[str, Any]) -> None:
    if row["doc_id"] == 3:
        row["resps"][2] = [["nan", "False"]]


def of_contexts(row: dict[str, Any]) -> None:
    if row["doc_id"] == 3:
        row["arguments"]["gen_args_1"]["arg_0"] = "another question"


def blank(row: dict[str, Any]) -> None:
    if row["doc_id"] == 3:
        for request in row["arguments"].values():
            request["arg_1"] = " "


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (no_number, "a log-likelihood that is not a number"),
        (of_contexts, "choices that are contexts, of which the log does not say the right one"),
        (blank, "a blank choice"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_rows_without_a_choice_are_set_aside_and_stay_in_the_tools_numbers(
    tmp_path: Path, change: Change, why: str
) -> None:
    changed(tmp_path, change)
    root = tmp_path / "ws"
    Workspace.init(root).close()
    report = drive(Adopt(AdoptRequest(root, tmp_path / "changed", "odd")))["adopted"][0]
    assert (report["set_aside"], report["rollouts"]) == ({why: 1}, 11)
    assert report["numbers"][0]["equal"]


def test_scores_of_a_tasks_own_function_are_not_held_for_the_rule(tmp_path: Path) -> None:
    def about(results: dict[str, Any]) -> None:
        results["configs"]["facts"]["process_results"] = "def process_results_mc2(doc, results): ..."

    log = changed(tmp_path, unchanged, about)[0]
    assert not any(number.graded for number in log.printed)
    assert log.notes[1] == "its scores are a function of the task's own, by another rule"


def test_log_likelihoods_of_one_given_text_are_no_choice(tmp_path: Path) -> None:
    def change(row: dict[str, Any]) -> None:
        row["resps"], row["metrics"] = row["resps"][:1], ["acc"]
        row["arguments"] = {"gen_args_0": row["arguments"]["gen_args_0"]}

    def about(results: dict[str, Any]) -> None:
        results["configs"]["facts"]["output_type"] = "loglikelihood"

    with pytest.raises(SetupError, match="line 1: its resps hold no texts"):
        changed(tmp_path, change, about)
