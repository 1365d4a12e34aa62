"""What schedules wait for: the version behind a model's name, a model's files, what a real server says of a model."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from rollmill.flows.prefect.triggers import checked_on, observed
from rollmill.ground.errors import SetupError
from rollmill.storage.artifacts import marks
from rollmill.storage.models.kind import MODEL_KIND
from rollmill.storage.models.publish import publish_model
from rollmill.storage.schedules import Schedule
from rollmill.storage.workspace import Workspace
from tests.flows.evaluation.test_evaluate import EVALUATION
from tests.flows.mixing.test_mix import MIXTURE
from tests.flows.sweeps.test_sweep import SWEEP

FILES = {"evaluate": "sums.yaml", "curate": "toy.yaml", "mix": "mix.yaml", "sweep": "sweep.yaml"}


def waits(toy: Path, on: str, verb: str = "evaluate", profile: str | None = None, sets: tuple[str, ...] = ()) -> Schedule:
    texts = {"sums.yaml": EVALUATION, "mix.yaml": json.dumps(MIXTURE), "sweep.yaml": json.dumps(SWEEP)}
    for name, text in texts.items():
        (toy / name).write_text(text)
    return Schedule("on", "", str(toy / FILES[verb]), on=on, verb=verb, profile=profile, sets=sets)


def publish(toy: Path, weights: str) -> None:
    """One more version of the model `student`."""
    made = toy / "made"
    made.mkdir(exist_ok=True)
    (made / "config.json").write_text('{"model_type": "toy"}')
    (made / "model.safetensors").write_text(weights)
    with Workspace.open(toy) as workspace:
        publish_model(workspace, "student", made, {"init": None, "data": [], "format": "sft"}, "# card\n")


def versions(toy: Path, item: Schedule) -> str | None:
    """The reference in a state; None without one."""
    state = observed(item, toy)
    return None if state is None else state.partition(" ")[0]


@pytest.fixture
def models() -> Iterator[tuple[int, list[dict[str, object]]]]:
    """The port of a model server, and its list of models."""
    rows: list[dict[str, object]] = []

    class Models(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"data": rows}).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Models) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port, rows
        server.shutdown()
        thread.join()


def test_a_models_folder_is_another_one_when_a_file_of_it_changes(toy: Path) -> None:
    item = waits(toy, "model:good")
    assert observed(item, toy) is None
    (toy / "toy-1").mkdir()
    assert observed(item, toy) is None  # a folder without files holds no model yet
    (toy / "toy-1" / "weights").write_text("one")
    first = observed(item, toy)
    assert (first is None, observed(item, toy) == first) == (False, True)
    (toy / "toy-1" / "weights").write_text("three")
    assert observed(item, toy) not in (None, first)


def test_a_models_server_says_whether_it_is_another_one(toy: Path, models: tuple[int, list[dict[str, object]]]) -> None:
    port, rows = models
    (toy / "served.yaml").write_text(f"profile_schema: 1\nservers:\n  - {{url: 'http://127.0.0.1:{port}/v1'}}\n")
    item = waits(toy, "model:good", profile=str(toy / "served.yaml"))
    assert observed(item, toy) is None
    rows.append({"id": "toy-1", "root": "weights-1", "created": 1})
    first = observed(item, toy)
    rows[0]["created"] = 2  # vLLM says the present time there
    assert (first is None, observed(item, toy) == first) == (False, True)
    rows[0]["root"] = "weights-2"
    assert observed(item, toy) not in (None, first)


@pytest.mark.parametrize("alias", ["models/student", "models/student@latest", "models/student@release"])
def test_a_new_version_behind_an_alias_is_another_model(toy: Path, alias: str) -> None:
    item = waits(toy, "model:good", sets=(f"models.0.model={alias}",))
    assert checked_on(item, toy) is None  # nothing is published yet
    publish(toy, "one")
    with Workspace.open(toy) as workspace:
        marks.tag(MODEL_KIND, workspace, "student@v1", "release")
    assert versions(toy, item) == "student@v1"
    assert versions(toy, waits(toy, "model:student@v1", sets=("models.0.model=models/student@v1",))) == "student@v1"
    publish(toy, "two")
    assert versions(toy, item) == ("student@v1" if "release" in alias else "student@v2")
    before = observed(item, toy)
    (toy / "models" / "student" / "note").write_text("no version")
    assert observed(item, toy) == before
    with Workspace.open(toy) as workspace:
        marks.tag(MODEL_KIND, workspace, "student@v2", "release", move=True)
    assert versions(toy, item) == "student@v2"
    with Workspace.open(toy) as workspace:
        marks.yank(MODEL_KIND, workspace, "student@v2", "wrong rows")
    assert versions(toy, item) == ("student@v2" if "release" in alias else "student@v1")


def test_a_version_that_a_profile_serves_is_seen_by_its_served_name(
    toy: Path, models: tuple[int, list[dict[str, object]]]
) -> None:
    port, rows = models
    served = "serve:\n  - {model: 'models/student@latest', served_name: toy-1}\n"
    (toy / "served.yaml").write_text(f"profile_schema: 1\n{served}servers:\n  - {{url: 'http://127.0.0.1:{port}/v1'}}\n")
    item = waits(toy, "model:good", profile=str(toy / "served.yaml"))
    publish(toy, "one")
    publish(toy, "two")
    assert versions(toy, item) == "student@v2"
    for path in (toy / "models" / "student").glob("v2-*/config.json"):
        path.unlink()  # the weights are not in this clone: a server may have them
    assert observed(item, toy) is None
    rows.append({"id": "models/student@v2"})
    assert observed(item, toy) is not None


@pytest.mark.parametrize(
    ("verb", "key"),
    [
        ("curate", "generate.model=MODEL"),
        ("sweep", "set.generate={engine: 'toys.py:ToyEngine', model: MODEL, options: {chance: 0.5}}"),
        ("mix", "signals.model={target: {version: toy}, model: MODEL}"),
    ],
)
def test_a_model_that_a_recipe_draws_from_is_watched_by_its_text(toy: Path, verb: str, key: str) -> None:
    publish(toy, "one")
    text = "models/student@latest"
    for on in (f"model:{text}", "model:student@latest"):
        item = waits(toy, on, verb, sets=(key.replace("MODEL", f"'{text}'"),))
        assert versions(toy, item) == "student@v1"
    publish(toy, "two")
    assert versions(toy, item) == "student@v2"
    with pytest.raises(SetupError, match="student has no version called 'v9'"):
        checked_on(waits(toy, "model:student@v9", verb, sets=(key.replace("MODEL", "'models/student@v9'"),)), toy)


@pytest.mark.parametrize(
    ("on", "verb", "message"),
    [
        ("moon:full", "evaluate", "--on 'moon:full' is not known"),
        ("version:", "evaluate", "--on 'version:' is not known"),
        ("model:good", "curate", "unknown model 'good'. Valid: toy-1. Next: see the models of .*toy.yaml"),
        ("model:bad", "evaluate", "unknown model 'bad'.* Valid: good, toy-1"),
        ("model:good", "mix", "unknown model 'good'. Next: see the models of"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(toy: Path, on: str, verb: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        checked_on(waits(toy, on, verb), toy)
