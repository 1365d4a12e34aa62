"""Triggers of schedules other than times: a new version of a dataset, another model.

`version:DATASET` watches the newest version of a dataset. `model:NAME` watches a model of the schedule's recipe, named by
its row in an evaluation or by its text. Its state is the published version that the text means now (`models/student`,
`models/student@latest` or a tag, also in `serve` of the profile); else the files of its folder; else what the profile's
servers say of it.

The standing process compares the state every few seconds with the last one in the file of schedules, so a change made
while no process was up fires at the next start. A firing has the state as its key at the server: a state fires once, even
where the process dies between the request and the record of it.
"""

import asyncio
import hashlib
import json
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import NAMESPACE_OID, uuid5

from rollmill.flows.jobs.kinds import loaded_recipe
from rollmill.flows.prefect.attempts import asked_there
from rollmill.ground.by_name import object_at
from rollmill.ground.errors import RollmillError, SetupError, unknown_name
from rollmill.kinds import firing_of, kind_of_recipe
from rollmill.storage.schedules import Schedule, Schedules

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from rollmill.flows.recipe.profile import Profile
    from rollmill.storage.models.index import ModelVersion

KINDS = ("version", "model")
LOOK_SECONDS = 5.0
MODELS_SECONDS = 10.0  # for a server to say which models it has


async def watch_always(state: Path) -> NoReturn:
    """Fire what waited for something that is there now, until cancelled."""
    before: dict[str, str | None] = {}
    while True:
        try:
            before = await _look(state, before)
        except Exception as error:  # a server that is started again, a file that is half written: the next look sees it
            sys.stderr.write(f"triggers: {type(error).__name__}: {error}\n")
        await asyncio.sleep(LOOK_SECONDS)


async def _look(state: Path, before: Mapping[str, str | None]) -> dict[str, str | None]:
    """Fire the schedules whose state changed and then stayed the same for two looks; the states of this look."""
    now: dict[str, str | None] = {}
    for item in Schedules(state).own():
        if not item.on or item.paused:
            continue
        with suppress(RollmillError, OSError):
            # In a thread: it reads files and asks servers, which would block the event loop.
            now[item.name] = await asyncio.to_thread(observed, item, state.parent)
        current = now.get(item.name)
        # Two looks: a folder that is being copied changes from one to the next.
        if current and current != item.seen and before.get(item.name) == current:
            await _fire(item, current)
            Schedules(state).record_seen(item.name, current)
    return now


async def _fire(item: Schedule, current: str) -> None:
    """Send Prefect's server the event of a schedule's trigger; one that has seen it before does nothing."""
    from prefect.client.orchestration import get_client
    from prefect.events import Event, Resource

    watched = event_of(item)
    [event], resource = watched["expect"], watched["match"]
    about = {**resource, "prefect.resource.name": item.name, "rollmill.state": current}
    # With the time of creation: a schedule that was removed and added again is another one.
    key = uuid5(NAMESPACE_OID, f"{item.name} {item.since} {current}")
    sent = Event(event=event, resource=Resource.model_validate(about), id=key)
    async with get_client() as client:
        await client.read_deployment_by_name(deployment_name(item))  # its trigger is there
        answer = await client.request("POST", "/events", json=[sent.model_dump(mode="json")])
        answer.raise_for_status()


def event_of(item: Schedule) -> dict[str, Any]:
    """The event for which the automation of a schedule's deployment waits, as the fields of a trigger of Prefect."""
    return {"expect": {"rollmill.trigger.changed"}, "match": {"prefect.resource.id": f"rollmill.schedule.{item.name}"}}


def deployment_name(item: Schedule) -> str:
    """Prefect's name (flow/deployment) for a schedule of ours."""
    return f"{item.verb}/{item.name}"


def checked_on(item: Schedule, root: Path) -> str | None:
    """Current state of a schedule's trigger, None if it has none yet; SetupError for a trigger that cannot fire."""
    kind, _, name = str(item.on).partition(":")
    if kind not in KINDS or not name:
        raise SetupError(f"--on {item.on!r} is not known.", choices=("version:DATASET", "model:NAME"))
    return observed(item, root)


def missing_dataset_note(item: Schedule, root: Path) -> str | None:
    """Note for a schedule that waits for the first version of a dataset; SetupError if no recipe makes it."""
    from rollmill.storage.artifacts.index import artifact_names

    kind, _, name = str(item.on).partition(":")
    known = artifact_names(root / "datasets")
    if kind != "version" or name in known:
        return None
    made = _made_by_recipes(root)
    if name not in made:
        raise unknown_name("dataset", name, {*known, *made}, next_command="--on version:DATASET")
    return f"There is no dataset {name!r} yet. The schedule waits for its first version."


def _made_by_recipes(root: Path) -> set[str]:
    """The datasets that the recipes of the workspace would make, by the names in their files."""
    from rollmill.flows.recipe.parse import read_yaml
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.schedules import scheduled_files

    names = set()
    with Reader.open(root) as reader:
        for path in scheduled_files(reader):
            with suppress(SetupError):  # a recipe that cannot be read makes nothing
                content, _ = read_yaml(root / path, "recipes")
                kind = kind_of_recipe(content)
                names |= {str(content.get("name"))} if kind and kind.recipe and kind.recipe.dataset else set()
    return names


def observed(item: Schedule, root: Path) -> str | None:
    """The state that a schedule watches, a version's hash or a model's identity; None if there is none yet."""
    kind, _, name = str(item.on).partition(":")
    return _version(root, name) if kind == "version" else _model(item, root, name)


def _version(root: Path, name: str) -> str | None:
    from rollmill.storage.versions.index import load_index

    index = load_index(root / "datasets", name)
    newest = index.newest
    # A yank must not fire for the older version that is the newest now.
    return None if newest is None or newest.folder in index.yanked else f"{name}@{newest.folder} {newest.content_hash}"


def _model(item: Schedule, root: Path, name: str) -> str | None:
    """Reference and content hash of the version that a model's name means now; without one, names, sizes and times of its
    folder's files; for a model elsewhere what the profile's servers say of it.
    """
    from rollmill.flows.recipe.profile import load_profile
    from rollmill.flows.recipe.servers import located_path

    models = _models(item)
    if name not in models:
        raise unknown_name("model", name, models, next_command=f"see the models of {item.recipe}")
    profile = load_profile(Path(item.profile) if item.profile else None)
    model = models[name]
    served = next((part.model for part in profile.serve if part.name == model), model)
    version = _version_meant(root, served)
    if version is not None:
        return (
            f"{version.ref} {version.content_hash}"
            if version.fetched
            else _model_on_server(profile, f"models/{version.ref}")
        )
    folder = located_path(served, root)
    if not folder.exists():
        return _model_on_server(profile, model)
    files = sorted(path for path in ([folder] if folder.is_file() else folder.rglob("*")) if path.is_file())
    # Not the contents: every look would read gigabytes of weights.
    rows = [[str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    return _digest(rows) if rows else None


def _models(item: Schedule) -> dict[str, str]:
    """The models that draw for a schedule, as its recipe names them, by every name that a trigger may give them."""
    models: dict[str, str] = object_at(firing_of(item.verb).models)(loaded_recipe(item.verb, Path(item.recipe), item.sets))
    return models


def _version_meant(root: Path, text: str) -> "ModelVersion | None":
    """The published version that a text means now; None for a folder, a served name, and a model without versions yet."""
    from rollmill.storage.artifacts.index import index_path
    from rollmill.storage.models.index import MODELS, named_version

    models, name = root / MODELS, text.removeprefix(f"{MODELS}/").partition("@")[0]
    return named_version(models, text) if index_path(models, name).exists() else None


def _model_on_server(profile: "Profile", model: str) -> str | None:
    """Description of the model by the first server that has it, without its creation time, which vLLM sets to now."""
    import os

    for server in profile.servers:
        key = os.environ.get(server.key_env, "") if server.key_env else ""
        request = urllib.request.Request(  # noqa: S310 - the profile's address, which is http or https
            f"{server.url.rstrip('/')}/models", headers={"Authorization": f"Bearer {key}"} if key else {}
        )
        with suppress(OSError, ValueError), asked_there(request, MODELS_SECONDS) as reply:
            for row in _listed(reply):
                if row.get("id") == model:
                    return _digest({key: row.get(key) for key in ("id", "root", "parent", "max_model_len")})
    return None


def _listed(reply: "HTTPResponse") -> "list[dict[str, Any]]":
    """The models in a reply; ValueError for one that is no list of them, is too long or takes too long."""
    from rollmill.pipelines.generate.http.exchange import MOST_LIST

    body, deadline = b"", time.monotonic() + MODELS_SECONDS
    while part := reply.read1(1 << 16):
        body += part
        if len(body) > MOST_LIST or time.monotonic() > deadline:
            raise ValueError("the list of models has no end")
    try:
        return [row for row in json.loads(body).get("data", []) if isinstance(row, dict)]
    except (AttributeError, TypeError, RecursionError) as error:
        raise ValueError("no list of models") from error


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
