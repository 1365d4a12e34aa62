"""Trials and loops of a workspace: the state of each, in a file of its own; a lease says whether a process works on it.

The lease is called as the experiment is, `trial/quotas` or `loop/improve`, so that it can be cancelled by that name.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rollmill.ground.errors import RollmillError, SetupError, Unavailable, interrupted
from rollmill.ground.files import json_text, write_text
from rollmill.kinds import experiment_verbs
from rollmill.storage.commands import renewed
from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.ledger.owners import Owner

FOLDER = "experiments"


@dataclass(frozen=True, slots=True)
class Experiment:
    """A trial or a loop that a command worked on. `said`: what it did last, in words. `error`: why it ended, if badly.

    `status`: running, done, failed, interrupted, or killed: running without a process. Times are ISO 8601, in UTC.
    """

    kind: str
    name: str
    command: str
    status: str
    said: str
    error: str
    started: str
    updated: str

    @property
    def id(self) -> str:
        """Kind and name."""
        return f"{self.kind}/{self.name}"


class Experiments:
    """All trials and loops of one workspace. `folder`: where their states are."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger, self._folder = ledger, folder

    @contextmanager
    def held(self, kind: str, name: str, command: str) -> Iterator[Callable[[str], None]]:
        """Record that this process works on it, and how the block ends; gives a function that says how far it is.

        SetupError while another process works on it. A mistake in the request, found before anything was done, leaves the
        record as it was.
        """
        now = _now()
        state = Experiment(kind, name, command, "running", "", "", now, now)
        lease = self._ledger.leases.acquire(state.id)
        if lease is None:
            raise SetupError(
                f"another process works on the {kind} {name!r}.", next_command=f"rollmill runs cancel {state.id}"
            )

        # Under the lease, or another process could write it in between.
        before = _read(self._path(state))

        def tell(text: str) -> None:
            nonlocal state
            state = replace(state, said=text, updated=_now())
            self._write(state)

        with renewed(lease):
            self._write(state)
            try:
                yield tell
            # An interrupt as well: the record would otherwise stay `running` and be shown as killed.
            except BaseException as error:
                if not state.said and isinstance(error, SetupError) and not isinstance(error, Unavailable):
                    self._restore(state, before)
                    raise
                status = "interrupted" if interrupted(error) or not isinstance(error, Exception) else "failed"
                reason = str(error) if isinstance(error, RollmillError) else f"{type(error).__name__}: {error}"
                self._write(replace(state, status=status, error=reason, updated=_now()))
                raise
            self._write(replace(state, status="done", updated=_now()))

    def all(self) -> list[Experiment]:
        """Every trial and loop, the newest first; one that is marked as running without a process is `killed`."""
        known = [state for path in self._folder.glob("*.json") if (state := _read(path)) is not None]
        working = {key for key, _ in self._held()} if known else set()
        # Read again: it may have ended between the two looks.
        listed = [state if state.status != "running" or state.id in working else self._as_killed(state) for state in known]
        return sorted(listed, key=lambda state: (state.started, state.id), reverse=True)

    def of_process(self, pid: int) -> str | None:
        """Id of the trial or loop that a process of this host works on; None while it works on none."""
        # Leases of other hosts are held too, and their process numbers mean nothing here.
        return next((key for key, owner in self._held() if owner.pid == pid and owner.alive()), None)

    def _held(self) -> list[tuple[str, Owner]]:
        """The experiments that processes work on, with the process of each."""
        return [holder for verb in experiment_verbs() for holder in self._ledger.leases.holders(f"{verb}/")]

    def _as_killed(self, before: Experiment) -> Experiment:
        now = _read(self._path(before)) or before
        return replace(now, status="killed") if now.status == "running" else now

    def _path(self, state: Experiment) -> Path:
        return self._folder / f"{state.kind}-{state.name}.json"

    def _restore(self, state: Experiment, before: Experiment | None) -> None:
        if before is None:
            self._path(state).unlink(missing_ok=True)
        else:
            self._write(before)

    def _write(self, state: Experiment) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_text(self._path(state), json_text(asdict(state)))


def _read(path: Path) -> Experiment | None:
    """The state in a file; None where it is gone or is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return Experiment(**value) if isinstance(value, Mapping) else None
    # A listing must not fail for one damaged state, which the next command writes anew.
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
