"""Logs that are not whole, mixed or of another form: one clear error each, and nothing is stored."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rollmill.flows.adopting import AdoptRequest, adopt
from rollmill.ground.errors import SetupError
from rollmill.storage.workspace import Workspace
from tests.flows.adopting.members import members_of
from tests.json_lines import write_lines

LOGS = Path(__file__).parent / "logs"


def only(folder: Path, pattern: str) -> Path:
    [file] = folder.rglob(pattern)
    return file


def cut_zip(folder: Path) -> None:
    file = folder / "sums.eval"
    file.write_bytes(file.read_bytes()[:40_000])


def repacked(folder: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """The .eval file with other members, not compressed."""
    members = dict(members_of(folder / "sums.eval"))
    change(members)
    with zipfile.ZipFile(folder / "sums.eval", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def without_header(folder: Path) -> None:
    repacked(folder, lambda members: members.pop("header.json"))


def without_a_sample(folder: Path) -> None:
    repacked(folder, lambda members: members.pop(next(name for name in members if name.startswith("samples/"))))


def of_version_7(folder: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["header.json"] = (
            members["header.json"].replace(b'"version":2', b'"version":7').replace(b'"version": 2', b'"version":7')
        )

    repacked(folder, change)


def cancelled(folder: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        header = json.loads(members["header.json"]) | {"status": "cancelled"}
        members["header.json"] = json.dumps(header).encode()

    repacked(folder, change)


def damaged_member(folder: Path) -> None:
    """One byte of a member's content is another one: its checksum says so."""
    file = folder / "sums.eval"
    with zipfile.ZipFile(file) as archive:
        member = next(entry for entry in archive.infolist() if entry.filename.startswith("samples/"))
    content = bytearray(file.read_bytes())
    content[member.header_offset + 30 + len(member.filename) + member.compress_size // 2] ^= 0xFF
    file.write_bytes(content)


def two_logs(folder: Path) -> None:
    shutil.copy(folder / "sums.eval", folder / "other.eval")


def cut_line(folder: Path) -> None:
    file = only(folder, "*.jsonl")
    file.write_text(file.read_text()[:-200])


def lost_line(folder: Path) -> None:
    file = only(folder, "*.jsonl")
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))


def no_results(folder: Path) -> None:
    only(folder, "results_*.json").unlink()


def no_samples(folder: Path) -> None:
    only(folder, "samples_*.jsonl").unlink()


def mixed_tasks(folder: Path) -> None:
    file = only(folder, "samples_*.jsonl")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines, lines[0]]))


def other_task(folder: Path) -> None:
    file = only(folder, "samples_*.jsonl")
    file.rename(file.with_name(file.name.replace("_sums_", "_gsm8k_")))


def likelihoods_of_other_choices(folder: Path) -> None:
    file = only(folder, "samples_*.jsonl")
    rows = [
        json.loads(line) | {"resps": [[["-1.5", "False"]], [["-0.5", "True"]]]} for line in file.read_text().splitlines()
    ]
    write_lines(file, rows)


def scores_of_another_type(folder: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        header = json.loads(members["header.json"])
        header["results"]["scores"] = 3
        members["header.json"] = json.dumps(header).encode()

    repacked(folder, change)


def in_pieces(folder: Path) -> None:
    repacked(folder, lambda members: members.update({"samples/p0_epoch_1/skeleton.json": b"[]"}))


def old_rows(folder: Path) -> None:
    file = only(folder, "samples_*.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("\n".join(json.dumps({key: row[key] for key in row if key != "filter"}) for row in rows))


def no_metadata(folder: Path) -> None:
    (folder / "metadata.json").unlink()


def failed_rollout(folder: Path) -> None:
    file = folder / "results.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[4]["completion"] = None
    write_lines(file, rows)


def other_problems(folder: Path) -> None:
    file = folder / "sums" / "output-rs1.jsonl"
    file.write_text(file.read_text().replace("How many", "How few"))


def shorter_run(folder: Path) -> None:
    file = folder / "sums" / "output-rs1.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))


def no_metrics(folder: Path) -> None:
    (folder / "sums" / "metrics.json").unlink()


def several_benchmarks(folder: Path) -> None:
    file = folder / "sums" / "metrics.json"
    metrics = json.loads(file.read_text())["sums"]
    file.write_text(json.dumps({"gsm8k": metrics, "math": metrics}))


def cut_parquet(folder: Path) -> None:
    file = only(folder, "*.parquet")
    file.write_bytes(file.read_bytes()[:9_000])


CASES: dict[Callable[[Path], None], tuple[str, str]] = {
    cut_zip: ("inspect", "not a whole zip file"),
    without_header: ("inspect", "it has no header"),
    without_a_sample: ("inspect", "32 samples were evaluated and it holds 31"),
    of_version_7: ("inspect", "a log of version 7, and versions 1 to 3 are known"),
    cancelled: ("inspect", "did not end well (status 'cancelled')"),
    damaged_member: ("inspect", "samples/"),
    two_logs: ("inspect", "holds 2 logs"),
    cut_line: ("lm_eval", "line 24: it is cut off or no JSON"),
    lost_line: ("lm_eval", "8 documents were evaluated and filter maj@4 has 7"),
    no_results: ("lm_eval", "with its numbers is not beside it"),
    no_samples: ("lm_eval", "results of lm-evaluation-harness without samples"),
    mixed_tasks: ("lm_eval", "lines 1 and 25 are both document 0: it mixes tasks or evaluations"),
    other_task: ("lm_eval", "has numbers of sums, not of gsm8k"),
    likelihoods_of_other_choices: ("lm_eval", "line 1: it has 1 choices and 2 log-likelihoods"),
    scores_of_another_type: ("inspect", "it has another form than Inspect writes (TypeError"),
    in_pieces: ("inspect", "its samples are cut into pieces"),
    old_rows: ("lm_eval", "line 1 has no filter"),
    no_metadata: ("verifiers", "holds no log that is known here"),
    failed_rollout: ("verifiers", "line 5: it has no completion"),
    other_problems: ("nemo_skills", "is not the same one in all 4 runs"),
    shorter_run: ("nemo_skills", "8 problems were evaluated and it holds 7"),
    no_metrics: ("nemo_skills", "there is no metrics.json beside the outputs"),
    several_benchmarks: ("nemo_skills", "it mixes several benchmarks: gsm8k, math"),
    cut_parquet: ("lighteval", "is not a readable Parquet file"),
}


@pytest.mark.parametrize("harm", CASES, ids=lambda harm: harm.__name__)
def test_a_bad_log_is_one_clear_error_and_nothing_is_stored(harm: Callable[[Path], None], tmp_path: Path) -> None:
    name, message = CASES[harm]
    folder, root = tmp_path / "log", tmp_path / "ws"
    shutil.copytree(LOGS / name, folder)
    harm(folder)
    Workspace.init(root).close()
    with pytest.raises(SetupError) as raised:
        adopt(AdoptRequest(root, folder))
    assert message in raised.value.message
    assert raised.value.next_command
    assert "\n" not in raised.value.message
    with Workspace.open(root) as workspace:
        assert workspace.imports.list() == []
        assert workspace.runs.list() == []
    assert not (root / "reports").exists()


def test_no_such_path_and_a_label_that_is_none(tmp_path: Path) -> None:
    Workspace.init(tmp_path / "ws").close()
    with pytest.raises(SetupError, match="does not exist"):
        adopt(AdoptRequest(tmp_path / "ws", tmp_path / "nowhere"))
    with pytest.raises(SetupError, match="exact_match,flexible-extract"):
        adopt(AdoptRequest(tmp_path / "ws", LOGS / "lm_eval", label="exact_match,maj@4"))  # of a vote, not of an answer
