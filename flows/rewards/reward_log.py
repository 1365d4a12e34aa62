"""The log of a training's rewards: rows of the segment kind `judged`, committed in groups during the training.

A group is committed every second, or when it is full; a kill loses the rows after the last commit. `publish` makes an
ordinary import of a log, which recipes, audits and versions take like any other.
"""

import atexit
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rollmill.flows.rewards.items import Reward
from rollmill.ground.errors import RollmillError, SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.records import JudgedRow, prompt_json
from rollmill.pipelines.verify.judging import Item
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportReport, ImportSpec
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace

PREFIX = "reward:"
VERSION = "1"
GROUP_SECONDS, GROUP_ROWS = 1.0, 512
MOST_HELD = 65_536
"""Largest number of buffered rows while the disk refuses writes: beyond it no completion is rewarded."""
NO_PROMPT = "(the trainer gave no prompt)"


class JudgedLog:
    """Writer of one log in the workspace of a folder; used from any thread, and closed at the end of the process."""

    def __init__(self, folder: Path, name: str, note: Callable[[str], None] = lambda _: None) -> None:
        ImportSpec(folder, name)  # checks the name, as its rollouts become an import
        self.name, self._note = name, note
        self._workspace = Workspace.open(folder)
        self.messages = self._workspace.recover()
        self.problem = ""
        """Reason for which the last group could not be committed; "" if it was."""
        self._held: list[JudgedRow] = []
        self._lock, self._full, self._ended = threading.Lock(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="rollmill-reward-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def add(self, rows: Sequence[JudgedRow]) -> None:
        """Buffer rows for the next group; RollmillError if the buffer is full because the disk refuses writes."""
        with self._lock:
            if len(self._held) + len(rows) > MOST_HELD:
                raise RollmillError(f"the log {self.name!r} cannot be written: {self.problem or 'the disk is too slow'}")
            self._held += rows
            if len(self._held) >= GROUP_ROWS:
                self._full.set()

    def close(self) -> None:
        """Commit the buffered rows and release the workspace; safe to call twice."""
        atexit.unregister(self.close)
        self._ended.set()
        self._full.set()
        self._thread.join()
        self._workspace.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._full.wait(GROUP_SECONDS)
            self._full.clear()
            self._commit()
        self._commit()

    def _commit(self) -> None:
        with self._lock:
            rows = list(self._held)
        if not rows:
            return
        identity = [[row.completion_id, row.label, row.training_step, row.judged_at] for row in rows]
        key = SegmentKey("judged", f"{PREFIX}{self.name}", VERSION, digest128(identity))
        try:
            self._workspace.segments.commit(key, rows)
        except Exception as error:  # a full disk, a locked ledger: the next group tries again
            if str(error) != self.problem:
                self.problem = str(error)
                self._note(f"rewards are not being logged: {error}")
            return
        self.problem = ""
        with self._lock:
            del self._held[: len(rows)]


def log_names(workspace: Workspace) -> list[str]:
    """The names of the logs that a workspace has."""
    producers = {segment.producer for segment in workspace.segments.registry.segments("judged")}
    return sorted(producer.removeprefix(PREFIX) for producer in producers)


def require_log(workspace: Workspace, name: str) -> None:
    """SetupError for a log that is not there."""
    names = [] if workspace.unused else log_names(workspace)
    if name not in names:
        if not names:
            raise SetupError(
                f"no log {name!r}: no reward was logged here.", next_command=f"rollmill reward serve RECIPE --log {name}"
            )
        raise unknown_name("log of rewards", name, names)


def publish(workspace: Workspace, log: str, name: str, steps: tuple[int | None, int | None] = (None, None)) -> ImportReport:
    """Import the rollouts of a log, of some steps if given (both ends included); the file is in rewards/. A second call
    adds the new rows. Each rollout keeps label, step, reward and outcome; they never become verdicts.
    """
    require_log(workspace, log)
    folder = workspace.root / "rewards"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in import_rows(workspace, log, steps))
    if not path.stat().st_size:
        raise SetupError(f"the log {log!r} has no row of these steps.", next_command=f"rollmill reward show {log}")
    return import_rollouts(workspace, ImportSpec(path, name))


def import_rows(workspace: Workspace, log: str, steps: tuple[int | None, int | None]) -> Iterator[dict[str, Any]]:
    """The rows of a log as those of a rollouts file, in the order in which they were judged."""
    rows = workspace.segments.rows("judged", producer=f"{PREFIX}{log}", version=VERSION)
    asked = rows.column("problem_id").unique().to_pylist()
    stored = {problem.id: problem for problem in workspace.segments.fetch("problems", asked)}
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        problem, model = stored.get(row.problem_id), row.label or log
        # Counted over all steps, so that a rollout has one number whichever steps are imported.
        counts[row.problem_id, model] += 1
        if not _within(row.training_step, *steps):
            continue
        yield {
            "prompt": prompt_json(row.prompt) or NO_PROMPT,
            "reference": row.reference,
            "kind": row.kind,
            **({"tests": list(problem.tests)} if problem is not None and problem.tests else {}),
            # A list of one: a text that looks like a list of answers is not taken apart.
            "text": [row.text],
            "model": model,
            "sample_index": counts[row.problem_id, model] - 1,
            "training_step": row.training_step,
            "reward": row.reward,
            "rewarded_outcome": row.outcome,
            "rewarded_by": f"{row.verifier} {row.version}",
            "rewarded_id": row.completion_id,
            "rewarded_log": log,
        }


def _within(step: int | None, first: int | None, last: int | None) -> bool:
    if first is None and last is None:
        return True
    return step is not None and (first is None or first <= step) and (last is None or step <= last)


def judged_row(named: tuple[str, int | None], pair: Item, reward: Reward) -> JudgedRow:
    """The log's row of one reward; `named`: label and step."""
    problem, completion = pair
    return JudgedRow(
        label=named[0],
        training_step=named[1],
        problem_id=problem.id,
        completion_id=completion.id,
        prompt=problem.prompt,
        reference=problem.reference,
        kind=problem.kind,
        text=completion.text,
        reward=reward.value,
        outcome=reward.outcome,
        rule=reward.rule,
        cause=reward.cause,
        verifier=reward.verifier,
        version=reward.version,
        judged_at=time.time(),
    )
