"""Real logs of five tools, adopted: nothing of them is lost, their numbers come out again, and the answers that differ.

The logs under `logs` were made by `benchmarks/numbers/adopt.py` with the tools themselves (NeMo-Skills: in its documented
form), eight problems of our templates each.
"""

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rollmill.flows.adopting import AdoptRequest, adopt, stored_log
from rollmill.flows.adopting.adopt import slug
from rollmill.flows.adopting.log_import import import_log
from rollmill.flows.cli.make.adopt import page
from rollmill.ground.errors import SetupError
from rollmill.storage.imports.logs.tools import TOOLS, log_at
from rollmill.storage.workspace import Workspace
from tests.flows.adopting.members import members_of
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

LOGS = Path(__file__).parent / "logs"
NAMES = tuple(TOOLS)


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A workspace with all five logs, and their reports."""
    root = tmp_path_factory.mktemp("adopted")
    Workspace.init(root).close()
    return root, {name: adopt(AdoptRequest(root, LOGS / name, name)) for name in NAMES}


def texts_of(name: str) -> list[Any]:
    """The rows of a log as its files hold them, read without the code under test."""
    folder = LOGS / name
    if name == "lighteval":
        return pq.read_table(next(folder.rglob("*.parquet"))).to_pylist()  # type: ignore[no-any-return]
    if name == "inspect":
        return sorted(
            member for member in zipfile.ZipFile(folder / "sums.eval").namelist() if member.startswith("samples/")
        )
    files = sorted(folder.rglob("*.jsonl"))
    return [line for file in files for line in file.read_text().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_every_number_comes_out_again(adopted: tuple[Path, dict[str, Any]], name: str) -> None:
    report = adopted[1][name]
    assert (report["problems"], report["rollouts"], report["samples"]) == (8, 32, 4)
    for row in report["numbers"]:
        scale = 100 if name == "nemo_skills" else 1
        assert row["from_rows"] == pytest.approx(row["printed"], abs=1e-12 * scale, rel=0), row
        assert row["equal"]
        assert row.get("stderr_equal", True)


def test_they_are_the_numbers_that_the_tools_printed(adopted: tuple[Path, dict[str, Any]]) -> None:
    reports = adopted[1]
    printed = {name: {row["number"]: row["printed"] for row in reports[name]["numbers"]} for name in NAMES}
    results = json.loads(next((LOGS / "lm_eval").glob("results_*.json")).read_text())["results"]["sums"]
    assert printed["lm_eval"] == {key: results[key] for key in results if key.startswith("exact_match,")}
    metadata = json.loads((LOGS / "verifiers" / "metadata.json").read_text())
    assert printed["verifiers"]["avg_reward"] == metadata["avg_reward"]
    assert [printed["verifiers"][f"pass@{k}"] for k in (1, 2, 4)] == list(metadata["pass_at_k"].values())
    metrics = json.loads((LOGS / "nemo_skills" / "sums" / "metrics.json").read_text())["sums"]
    assert printed["nemo_skills"] == {f"{mode} symbolic_correct": metrics[mode]["symbolic_correct"] for mode in metrics}
    assert list(printed["inspect"]) == ["match/mean", "match/pass_at_2", "match/max", "match/mode"]
    results = json.loads(next((LOGS / "lighteval").rglob("results_*.json")).read_text())["results"]["sums|0"]
    assert printed["lighteval"] == {key: results[key] for key in results if not key.endswith("_stderr")}


@pytest.mark.parametrize("name", NAMES)
def test_our_metric_on_their_labels_is_their_number(adopted: tuple[Path, dict[str, Any]], name: str) -> None:
    """Where both define the same: means, pass@k, pass^k. Votes are over other answers; lighteval logs no answer's score."""
    scale = 100 if name == "nemo_skills" else 1
    both = [row for row in adopted[1][name]["numbers"] if row["on_labels"] is not None]
    assert len(both) == {"lm_eval": 2, "inspect": 3, "lighteval": 0, "verifiers": 7, "nemo_skills": 8}[name]
    for row in both:
        assert row["on_labels"]["value"] * scale == pytest.approx(row["printed"], abs=1e-10 if scale > 1 else 1e-12), row
        assert row["on_labels"]["low"] < row["on_labels"]["value"] < row["on_labels"]["high"]
        assert row["on_labels"]["estimand"].startswith("mean pass")
        assert row["on_labels"]["clusters"] == adopted[1][name]["clusters"] == 6


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_log_comes_back(adopted: tuple[Path, dict[str, Any]], name: str) -> None:
    with Workspace.open(adopted[0]) as workspace:
        stored = stored_log(workspace, name)
    rows = [text for _, texts in sorted(stored.rows.items()) for text in texts.values()]
    expected = texts_of(name)
    if name == "lighteval":
        assert [json.loads(text) for text in rows] == expected
    elif name == "inspect":
        samples = [json.loads(text) for text in rows]
        assert sorted(f"samples/{sample['id']}_epoch_{sample['epoch']}.json" for sample in samples) == expected
        assert {"header.json", "reductions.json", "summaries.json"} < set(stored.files)
    else:
        assert rows == expected  # byte for byte
    for file in LOGS.joinpath(name).rglob("*.json"):
        assert stored.files[file.name] == file.read_text()


def test_nothing_of_an_unknown_or_odd_field_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    metadata = (LOGS / "verifiers" / "metadata.json").read_text()
    (folder / "metadata.json").write_text(metadata[:-1] + ', "of_tomorrow": {"b": 1, "a": [NaN, 1e400]}}')
    lines = (LOGS / "verifiers" / "results.jsonl").read_text().splitlines()
    odd = '"of_tomorrow": [1.10, 12345678901234567890, NaN, "\\ud800", "\\u0000", {"": null}]'
    lines = [f"{line[:-1]}, {odd}}}" for line in lines]
    (folder / "results.jsonl").write_text("\n".join(lines))
    root = tmp_path / "ws"
    Workspace.init(root).close()
    with Workspace.open(root) as workspace:
        import_log(workspace, log_at(folder), "odd", None)
        stored = stored_log(workspace, "odd")
    assert list(stored.rows["results.jsonl"].values()) == lines
    assert stored.files == {"metadata.json": (folder / "metadata.json").read_text()}


def test_what_differs_is_named_with_the_rule_that_decided(adopted: tuple[Path, dict[str, Any]]) -> None:
    verdicts = {name: adopted[1][name]["verdicts"] for name in NAMES}
    for name, one in verdicts.items():
        assert sum(one["counts"].values()) == 32, name
        differing = one["counts"]["theirs wrong, ours right"] + one["counts"]["theirs right, ours wrong"]
        assert len(one["flipped"]) == differing == sum(row["flipped"] for row in one["rules"])
    assert verdicts["lm_eval"]["label"] == "exact_match,strict-match"
    assert verdicts["lm_eval"]["counts"]["no label"] == 24  # it scores the first of four answers
    assert verdicts["lighteval"]["counts"]["theirs right, ours wrong"] == 0
    flip = next(row for row in verdicts["verifiers"]["flipped"] if row["ours"] == "correct")
    assert (flip["problem"], flip["reference"], flip["extracted"], flip["rule"]) == ("2", "55", "55.0", "hash:equal")
    cut = [row for row in verdicts["verifiers"]["flipped"] if row["ours"] == "unparsed"]
    assert len(cut) == 6
    assert all(row["cut_off"] and row["rule"] == "no-answer" for row in cut)  # the tool reads the last number of a torso


def test_the_tools_scores_are_labels_and_scores_and_never_verdicts(adopted: tuple[Path, dict[str, Any]]) -> None:
    root, reports = adopted
    with Workspace.open(root) as workspace, workspace.segments.connect() as connection:
        verifiers = connection.execute("SELECT DISTINCT verifier FROM verdicts ORDER BY 1").fetchall()
        scores = connection.execute("SELECT version, count(*) FROM scores WHERE scorer = 'imported' GROUP BY 1").fetchall()
        labels = connection.execute(
            "SELECT count(*) FROM completions WHERE meta ->> '$.is_correct' = 'true' "
            "AND meta ->> '$.adopted.tool' LIKE 'Ins%'"
        ).fetchone()
    assert {name for (name,) in verifiers} <= {"number", "math"}
    assert dict(scores)["1 key=adopted.scores.match"] == 32
    assert dict(scores)["1 key=adopted.scores.reward"] == 32
    mean = next(row["printed"] for row in reports["inspect"]["numbers"] if row["number"] == "match/mean")
    assert labels == (round(mean * 32),)


def test_the_same_log_again_adds_nothing(adopted: tuple[Path, dict[str, Any]]) -> None:
    root, reports = adopted
    again = adopt(AdoptRequest(root, LOGS / "nemo_skills", "nemo_skills"))
    assert again["stored"] == {"new": 0, "already": 32}
    assert {key: again[key] for key in again if key != "stored"} == {
        key: reports["nemo_skills"][key] for key in again if key != "stored"
    }


def test_two_logs_of_equal_texts_keep_their_own_scores(adopted: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """Ids of imported rollouts hash problem, model, index and text: without the log in it, the first log's scores won."""
    root, reports = adopted
    for file in (LOGS / "verifiers").iterdir():
        text = file.read_text().replace('"reward": 1.0', '"reward": 0.25').replace('"reward": 0.0', '"reward": 1.0')
        (tmp_path / file.name).write_text(text)
    turned = adopt(AdoptRequest(root, tmp_path, "turned"))
    right = next(row["printed"] for row in reports["verifiers"]["numbers"] if row["number"] == "avg_reward")
    own = next(row["from_rows"] for row in turned["numbers"] if row["number"] == "avg_reward")
    assert own == pytest.approx(right * 0.25 + (1 - right))
    assert not any(
        row["equal"] for row in turned["numbers"] if row["number"] == "avg_reward"
    )  # its metadata tells of others
    again = adopt(AdoptRequest(root, LOGS / "verifiers", "verifiers"))
    assert again["numbers"] == reports["verifiers"]["numbers"]


def test_a_log_of_inspect_as_one_json_file_is_the_same_log(tmp_path: Path) -> None:
    members = members_of(LOGS / "inspect" / "sums.eval")
    samples = [json.loads(content) for name, content in members.items() if name.startswith("samples/")]
    (tmp_path / "sums.json").write_text(json.dumps(json.loads(members["header.json"]) | {"samples": samples}))
    packed, plain = log_at(LOGS / "inspect"), log_at(tmp_path)
    assert plain.printed == packed.printed
    assert [replace(answer, file="") for answer in plain.answers] == [replace(answer, file="") for answer in packed.answers]
    assert [json.loads(text) for text in plain.rows["sums.json"]] == [json.loads(text) for text in packed.rows["sums.eval"]]


@pytest.mark.parametrize("in_turn", [False, True])
def test_a_problem_that_stands_twice_in_a_log_is_counted_twice(tmp_path: Path, in_turn: bool) -> None:
    log = log_at(LOGS / "verifiers")
    rows = [json.loads(line) for line in log.rows["results.jsonl"]]
    twin = [{**row, "example_id": 99} for row in rows if row["example_id"] == 0]
    metadata = json.loads(log.files["metadata.json"])
    rewards = [row["reward"] for row in [*rows, *twin]]
    metadata |= {"num_examples": 9, "avg_reward": sum(rewards) / len(rewards), "pass_at_k": {}, "pass_all_k": {}}
    # Rollouts end in any order, so a log may have answers to the twin before the last one to the problem itself.
    lines = [*twin[:2], *rows, *twin[2:]] if in_turn else [*rows, *twin]
    write_lines(tmp_path / "results.jsonl", lines)
    (tmp_path / "metadata.json").write_text(json.dumps({**metadata, "avg_metrics": {}}))
    root = tmp_path / "ws"
    Workspace.init(root).close()
    report = adopt(AdoptRequest(root, tmp_path / "results.jsonl", "twice"))
    assert report["rollouts"] == 36
    assert [row["equal"] for row in report["numbers"]] == [True]


def test_choices_are_judged_as_choices_and_a_name_is_one_log(adopted: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    assert slug("gsm8k", "org/My Model") == "gsm8k-my-model"
    assert slug("math-500", "org/m") == "math-500-m"
    assert adopted[1]["inspect"]["verify"] == ["number", "math"]
    with Workspace.open(adopted[0]) as workspace:
        log = log_at(LOGS / "lm_eval")
        with pytest.raises(SetupError, match="'inspect' is the name of another import"):
            import_log(workspace, log, "inspect", None)
        other = replace(log, task="other")
        assert import_log(workspace, other, "lm_eval", "exact_match,strict-match").completions.already == 32


def changed(tmp_path: Path, change: Callable[[dict[str, Any]], None], version: int = 2) -> Path:
    """The log of Inspect, each of its samples changed, as one JSON file."""
    members = members_of(LOGS / "inspect" / "sums.eval")
    header = json.loads(members["header.json"])
    samples = [json.loads(content) for name, content in members.items() if name.startswith("samples/")]
    for sample in samples:
        change(sample)
    path = tmp_path / "changed.json"
    log = {"version": version, **{key: value for key, value in header.items() if key != "version"}, "samples": samples}
    path.write_text(json.dumps(log))
    Workspace.init(tmp_path / "ws").close()
    return path


def test_samples_that_no_import_can_hold_are_set_aside_and_counted(tmp_path: Path) -> None:
    """A log of version 3; its printed numbers are over all samples, and come out of the rows again."""
    image = [{"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image", "image": "data:..."}]}]
    texts = [{"role": "user", "content": [{"type": "text", "text": "What is 2"}, {"type": "text", "text": " + 2?"}]}]

    def change(sample: dict[str, Any]) -> None:
        place = str(sample["id"])
        sample["target"] = {"p1": [], "p2": "", "p3": ["4", "5"]}.get(place, sample["target"])
        sample["input"] = {"p4": image, "p5": texts}.get(place, sample["input"])

    report = adopt(AdoptRequest(tmp_path / "ws", changed(tmp_path, change, version=3), "odd"))
    assert report["set_aside"] == {
        "no target": 8,
        "several targets, of which each is right": 4,
        "parts of a turn that are not text (image)": 4,
    }
    assert (report["problems"], report["rollouts"], report["verify"]) == (4, 16, ["number", "math"])
    assert [row["equal"] for row in report["numbers"]] == [True] * 4
    with Workspace.open(tmp_path / "ws") as workspace:
        files = stored_log(workspace, "odd").files
        assert len(files["changed.json, set aside"].splitlines()) == 16
        with workspace.segments.connect() as connection:
            asked = connection.execute("SELECT count(*) FROM problems WHERE prompt LIKE '%What is 2 + 2?%'").fetchone()
    assert asked == (1,)


def test_documents_with_several_targets_are_set_aside_and_counted(tmp_path: Path) -> None:
    """lm-evaluation-harness writes a list of targets as its text; a list of one is one target."""
    folder = tmp_path / "log"
    shutil.copytree(LOGS / "lm_eval", folder)
    [samples] = folder.glob("samples_*.jsonl")
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    for row in rows:
        if row["doc_id"] < 2:
            row["doc"]["answer"] = [row["target"], "12"][: 2 - row["doc_id"]]
            row["target"] = str(row["doc"]["answer"])
    write_lines(samples, rows)
    Workspace.init(tmp_path / "ws").close()
    report = adopt(AdoptRequest(tmp_path / "ws", samples, "several"))
    assert report["set_aside"] == {"several targets, of which each is right": 4}
    assert (report["problems"], report["rollouts"], report["verify"]) == (7, 28, ["number", "math"])
    assert all(row["equal"] in (True, None) for row in report["numbers"])
    with Workspace.open(tmp_path / "ws") as workspace:
        files = stored_log(workspace, "several").files
        assert len(files[f"{samples.name}, set aside"].splitlines()) == len({row["filter"] for row in rows})


PROSE = "The mitochondria make most of the energy that a cell uses."


@pytest.mark.parametrize(
    ("target", "verify", "shown"),
    [(PROSE, ["person"], False), ("Paris", ["exact"], True), ("\\frac{1}{2}", ["math"], True), ("(B)", ["choice"], True)],
)
def test_a_verifier_is_one_that_references_fit_or_people(
    tmp_path: Path, target: str, verify: list[str], shown: bool
) -> None:
    def change(sample: dict[str, Any]) -> None:
        sample["target"] = target
        sample["output"]["choices"][0]["stop_reason"] = "stop"
        sample["output"]["completion"] = f"The answer is {target if sample['epoch'] > 1 else 'C'}"

    report = adopt(AdoptRequest(tmp_path / "ws", changed(tmp_path, change), "words"))
    assert report["verify"] == verify
    assert (report["all_answers"][0]["value"] is not None) == shown, report["all_answers"]
    assert any("no rate of ours is shown" in text for text in report["messages"]) != shown
    assert (report["verdicts"] is not None) == shown
    if shown:
        assert report["all_answers"][0]["value"] == 0.75


def test_a_verifier_that_reads_next_to_nothing_is_told_and_gives_no_rate(tmp_path: Path) -> None:
    def change(sample: dict[str, Any]) -> None:
        sample["target"], sample["output"]["completion"] = PROSE, PROSE

    report = adopt(AdoptRequest(tmp_path / "ws", changed(tmp_path, change), "words", verify=("number",)))
    assert report["messages"][-1].startswith("number read 0 of 32 answers: no rate of ours is shown.")
    assert {row["on_verdicts"] for row in report["numbers"]} == {None}
    assert "number read 0 of 32 answers" in page(report)
