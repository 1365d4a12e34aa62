"""The trainings of a workspace in its ledger: what decides each, how far it is, how it ended; and the reports of one."""

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.job_command import command_words
from rollmill.storage.commands import renewed
from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.ledger.models import TrainingRow

STATUSES = ("running", "done", "failed", "interrupted")
STEPS = "steps.jsonl"
"""File of the reports of a training, in its state folder and in the version that it made."""
_PREFIX = "training/"


@dataclass(frozen=True, slots=True)
class StoredTraining:
    """A training in the ledger. `status`: one of STATUSES, or `killed`: running without a process. `progress`: step, share,
    loss, tokens, seconds.
    """

    id: str
    name: str
    recipe: Mapping[str, Any]
    status: str
    started_at: datetime
    updated_at: datetime
    progress: Mapping[str, Any]
    summary: Mapping[str, Any]

    @property
    def command(self) -> str | None:
        """The command line that resumes it; None if it is part of another job."""
        job = self.recipe.get("job")
        return None if job is None else shlex.join(["rollmill", *command_words(job)])


class Trainings:
    """All trainings of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @contextmanager
    def held(self, training: str) -> Iterator[None]:
        """Keep other processes from the same training, for the length of the block; SetupError while one is at it."""
        lease = self._ledger.leases.acquire(f"{_PREFIX}{training}")
        if lease is None:
            raise SetupError(
                f"another process works on the training {training[:12]}.",
                next_command="the same command again when it has ended: it uses the model",
            )
        with renewed(lease):
            yield

    def begin(self, training: str, name: str, recipe: Mapping[str, Any]) -> None:
        """Record that it runs; one that was begun before resumes."""
        with self._ledger.write() as session:
            now = self._ledger.now(session)
            row = session.get(TrainingRow, training)
            if row is None:
                row = TrainingRow(id=training, started_at=now, progress={}, summary={})
                session.add(row)
            # Progress stays as it was: a training resumes from its last checkpoint. How it ended before is no longer true.
            row.name, row.recipe, row.status, row.updated_at, row.summary = name, dict(recipe), "running", now, {}

    def report(self, training: str, progress: Mapping[str, Any]) -> None:
        """Record its progress."""
        self._change(training, progress=dict(progress))

    def finish(self, training: str, status: str, summary: Mapping[str, Any]) -> None:
        """Record its end."""
        self._change(training, status=status, summary=dict(summary))

    def _change(self, training: str, **values: Any) -> None:
        with self._ledger.write() as session:
            row = session.get(TrainingRow, training)
            if row is None:
                raise SetupError(f"no training {training[:12]} in the ledger.", next_command="rollmill train RECIPE")
            for name, value in values.items():
                setattr(row, name, value)
            row.updated_at = self._ledger.now(session)

    def get(self, training: str) -> StoredTraining:
        """A training by its id, or the beginning of one."""
        matches = [known for known in self.all() if known.id.startswith(training)]
        # A beginning that several trainings have names none of them.
        if len(matches) != 1:
            raise unknown_name("training", training, [known.id[:12] for known in self.all()])
        return matches[0]

    def all(self) -> list[StoredTraining]:
        """Every training, the newest first."""
        with self._ledger.read() as session:
            rows = session.scalars(select(TrainingRow).order_by(TrainingRow.started_at.desc(), TrainingRow.id)).all()
            return [_stored(row) for row in rows]

    def as_they_are(self) -> list[StoredTraining]:
        """The training, with the status `killed` if it is marked as running but has no process."""
        listed = self.all()
        if not any(stored.status == "running" for stored in listed):
            return listed
        held = {key.removeprefix(_PREFIX) for key, _ in self._ledger.leases.holders(_PREFIX)}
        return [
            stored if stored.status != "running" or stored.id in held else self._as_killed(stored.id) for stored in listed
        ]

    def _as_killed(self, training: str) -> StoredTraining:
        """The training as killed, unless it has ended since it was listed."""
        now = self.get(training)
        return replace(now, status="killed") if now.status == "running" else now

    def of_process(self, pid: int) -> str | None:
        """The training that a process of this host works on; None while it works on none."""
        held = self._ledger.leases.holders(_PREFIX)
        # Leases of other hosts are held too, and their process numbers mean nothing here.
        return next((key.removeprefix(_PREFIX) for key, owner in held if owner.pid == pid and owner.alive()), None)


def training_folder(state: Path, training: str) -> Path:
    """Folder of a training's checkpoints and reports in the workspace's own folder, until its model is published."""
    return state / "trainings" / training[:16]


def read_steps(path: Path) -> list[dict[str, Any]]:
    """The reports in a model's steps.jsonl, or of a training under way."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:  # half a line, which a kill left, or which is being written
            continue
    return rows


def _stored(row: TrainingRow) -> StoredTraining:
    began, told = (datetime.fromtimestamp(time, UTC) for time in (row.started_at, row.updated_at))
    return StoredTraining(row.id, row.name, row.recipe, row.status, began, told, row.progress, row.summary)
