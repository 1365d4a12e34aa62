"""A folder of several logs: each adopted by itself and told apart, and what cannot be read named beside the rest."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rollmill.flows.adopting import Adopt, AdoptRequest
from rollmill.flows.cli import run
from rollmill.flows.cli.make.adopt import overview
from rollmill.flows.driver import drive
from rollmill.ground.errors import SetupError, Unavailable
from rollmill.storage.workspace import Workspace
from tests.flows.adopting.members import members_of

pytestmark = pytest.mark.integration

LOGS = Path(__file__).parent / "logs"
SAMPLES = next((LOGS / "lm_eval").glob("samples_*.jsonl"))


def other_model(place: Path, model: str) -> None:
    """The log of Inspect as one JSON file, by another model."""
    members = members_of(LOGS / "inspect" / "sums.eval")
    header = json.loads(members["header.json"])
    header["eval"]["model"] = model
    samples = [json.loads(content) for name, content in members.items() if name.startswith("samples/")]
    log = {"version": header.pop("version"), "status": header.pop("status"), "eval": header.pop("eval"), **header}
    place.write_text(json.dumps({**log, "samples": samples}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Logs of two tools and two models, one twice; one that is cut off, and results without samples."""
    place = tmp_path / "logs"
    shutil.copytree(LOGS / "lm_eval", place / "harness")
    (place / "cut").mkdir()
    (place / "cut" / "cut.eval").write_bytes((LOGS / "inspect" / "sums.eval").read_bytes()[:20_000])
    shutil.copy(LOGS / "inspect" / "sums.eval", place / "a.eval")
    other_model(place / "b.json", "openai-api/local/other")
    other_model(place / "c.json", "openai-api/local/other")
    results = next((LOGS / "lm_eval").glob("results_*.json"))
    (place / "results_2026-11-21T23-00-00.000000.json").write_text(results.read_text())
    (place / "notes.json").write_text('{"no": "log"}')
    Workspace.init(tmp_path / "ws").close()
    return place


def test_every_log_of_a_folder_is_adopted_and_the_others_are_named(folder: Path, tmp_path: Path) -> None:
    adoption = drive(Adopt(AdoptRequest(tmp_path / "ws", folder)))
    told = [(report["name"], report["task"], report["model"], report["rollouts"]) for report in adoption["adopted"]]
    assert told == [
        ("sums-rollmill-tiny", "sums", "rollmill-tiny", 32),
        ("sums-rollmill-tiny-2", "sums", "openai-api/local/rollmill-tiny", 32),
        ("sums-other", "sums", "openai-api/local/other", 32),
        ("sums-other-2", "sums", "openai-api/local/other", 32),
    ]
    assert all(row["equal"] for report in adoption["adopted"] for row in report["numbers"])
    refused = {Path(row["path"]).name: row["why"] for row in adoption["refused"]}
    assert list(refused) == ["results_2026-11-21T23-00-00.000000.json", "cut.eval"]
    assert refused["cut.eval"].startswith("it is not a whole zip file")
    page = overview(adoption)
    assert page.startswith("4 logs adopted, 2 not.")
    assert "cut.eval: it is not a whole zip file" in page
    again = drive(Adopt(AdoptRequest(tmp_path / "ws", folder)))
    assert [report["stored"]["new"] for report in again["adopted"]] == [0, 0, 0, 0]
    assert [report["name"] for report in again["adopted"]] == [report["name"] for report in adoption["adopted"]]


def test_a_name_goes_before_what_tells_the_logs_apart(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / "cut")
    (folder / "results_2026-11-21T23-00-00.000000.json").unlink()
    (folder / "c.json").unlink()
    name = "an-evaluation-of-november"
    reports = drive(Adopt(AdoptRequest(tmp_path / "ws", folder, name)))["adopted"]
    names = [report["name"] for report in reports]
    assert names == [f"{name}-sums-rollmill-tiny", f"{name}-sums-rollmill-tiny-2", f"{name}-sums-other"]
    for report in reports:
        assert (tmp_path / "ws" / "reports" / report["name"] / "adopted.json").is_file()


def test_a_long_name_is_cut_for_every_log_of_several(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / "cut")
    (folder / "results_2026-11-21T23-00-00.000000.json").unlink()
    (folder / "c.json").unlink()
    name = "an-evaluation-of-november-and-december-of-this-year"
    adoption = drive(Adopt(AdoptRequest(tmp_path / "ws", folder, name)))
    assert [report["name"] for report in adoption["adopted"]] == [name, f"{name[:49]}-2", f"{name[:49]}-3"]
    assert (len(name), adoption["refused"]) == (51, [])


def test_the_command_that_goes_on_has_every_option(folder: Path, tmp_path: Path) -> None:
    bare = AdoptRequest(tmp_path / "ws", folder)
    assert Adopt(bare).command == f"rollmill adopt {folder}"
    full = replace(bare, name="my sums", verify=("number", "math"), label="match", max_bytes=9)
    options = "--name 'my sums' --verify number --verify math --label match --max-bytes 9"
    assert Adopt(full).command == f"rollmill adopt {folder} {options}"


def test_the_command_ends_with_1_and_prints_what_was_not_adopted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in ("a.eval", "b.json", "c.json"):
        (folder / path).unlink()
    monkeypatch.chdir(tmp_path / "ws")
    assert run(["adopt", str(folder), "--json"]) == 1
    streams = capsys.readouterr()
    assert streams.err.endswith("2 of 3 logs were not adopted.\n")
    report = json.loads(streams.out)
    assert [row["name"] for row in report["adopted"]] == ["sums-rollmill-tiny"]
    assert [sorted(row) for row in report["refused"]] == [["next", "path", "why"]] * 2


def test_a_folder_without_a_readable_log_stores_nothing(folder: Path, tmp_path: Path) -> None:
    for path in ("a.eval", "b.json", "c.json"):
        (folder / path).unlink()
    shutil.rmtree(folder / "harness")
    adoption = drive(Adopt(AdoptRequest(tmp_path / "ws", folder)))
    assert (adoption["adopted"], len(adoption["refused"])) == ([], 2)
    with Workspace.open(tmp_path / "ws") as workspace:
        assert workspace.imports.list() == []


def test_a_full_disk_is_no_outcome_of_one_log(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise Unavailable("no space left to write the ledger.")

    monkeypatch.setattr(sys.modules["rollmill.flows.adopting.adopt"], "import_log", full)
    with pytest.raises(SetupError, match="no space left"):
        drive(Adopt(AdoptRequest(tmp_path / "ws", folder)))
