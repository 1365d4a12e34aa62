"""Progress of a job: its stages, written to the ledger, to the log and to the terminal. Rounds write their own progress.

All progress shown to people comes from here or from the ledger, never from Prefect. The logger is `rollmill.stages`.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from rollmill.flows.telemetry import Meter
from rollmill.stats import TimeLeft, time_left, whole_of

if TYPE_CHECKING:
    from rollmill.storage.runs import Runs

LOG = logging.getLogger("rollmill.stages")
LINE_SECONDS = 10.0  # between two records of a stage that lasts
STAGES = ("synthesize", "draw", "verify", "score", "select", "gate", "publish")
_OF_EVENT = {
    "planned": ("draw", "verify"),
    "drawn": ("draw",),
    "verified": ("verify",),
    "waiting": ("draw",),
    "done": ("draw", "verify"),
}


EventKind = Literal["planned", "drawn", "verified", "waiting", "done"]


@dataclass(frozen=True, slots=True)
class Event:
    """Event of a round: rows done of rows planned in it, tokens drawn, seconds since the round began.

    `here`: the rows of `done` that this command did itself; `correct`: those of them that were judged correct. `whole`: the
    rows of the whole run by stage, as far as known (Memory.whole). `answers`: the rows of `total` that are judged.
    `message`: what people should know, once.
    """

    kind: EventKind
    round: int
    done: int
    total: int
    tokens: int
    seconds: float
    here: int = 0
    correct: int = 0
    whole: Mapping[str, Mapping[str, Any]] | None = None
    answers: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """Progress of one stage; seconds are its own, tokens those drawn by this command.

    `here`: the rows of `done` that this command did itself, None if it did all; `correct`: those judged correct.
    """

    name: str
    done: int = 0
    total: int = 0
    tokens: int = 0
    seconds: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)
    here: int | None = None
    correct: int = 0

    @property
    def rate(self) -> float:
        """Rows per second that this command has done so far; rows stored before it began do not count."""
        rows = self.done if self.here is None else self.here
        return rows / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> TimeLeft | None:
        """The time that it takes until the run has drawn and judged everything, rounds to come included."""
        return time_left(self.done, whole_of(self.detail, self.total), self.rate)


def describe(stage: Stage) -> str:
    """A stage as `stage=draw done=1024 total=3840 ...`."""
    parts = [f"stage={stage.name}", f"done={stage.done}", f"total={stage.total}", f"seconds={stage.seconds:.1f}"]
    if "round" in stage.detail:
        parts.insert(1, f"round={stage.detail['round']}")
    if cell := _cell(stage):
        parts.insert(0, cell)
    if "state" in stage.detail:
        parts.append(f"state={stage.detail['state']}")
    if stage.tokens:
        parts.append(f"tokens={stage.tokens}")
    if stage.name in ("draw", "verify") and (left := stage.left) is not None:
        parts.append(f"left={left.seconds:.0f}s")
    if stage.name == "verify" and stage.here:
        parts.append(f"correct={stage.correct / stage.here:.3f}")
    return " ".join(parts)


def _cell(stage: Stage) -> str:
    """The cell of an evaluation that a stage is of, `benchmark=easy model=tiny`; nothing elsewhere."""
    return " ".join(f"{key}={stage.detail[key]}" for key in ("benchmark", "model") if key in stage.detail)


class StageLog:
    """A record when a stage ends, and every ten seconds while one lasts; records of messages that appear once."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], float] = {}  # when the record of a cell's stage was written
        self._written: dict[tuple[str, str], tuple[int, int]] = {}  # its numbers

    def __call__(self, stage: Stage) -> None:
        """Write the stage's record, unless it is unchanged or was written recently, and its messages."""
        if self._is_news(stage):
            numbers = {"stage": stage.name, "done": stage.done, "total": stage.total, "tokens": stage.tokens}
            LOG.info("%s", describe(stage), extra={"fields": {**numbers, "seconds": round(stage.seconds, 3)}})
        for text in stage.detail.get("lines", ()):
            LOG.info("%s", text)

    def _is_news(self, stage: Stage) -> bool:
        now, key = time.monotonic(), (stage.name, _cell(stage))
        last = self._last.setdefault(key, now)
        ended = stage.done == stage.total
        if self._written.get(key) == (stage.done, stage.total) or not (ended or now - last >= LINE_SECONDS):
            return False
        self._last[key], self._written[key] = now, (stage.done, stage.total)
        return True


def _ignore(text: str) -> None:
    """No-op listener."""


class Progress:
    """Reports of stages and rounds, for the ledger and for a watcher. Thread-safe.

    `cell`: benchmark and model, added to what a watcher gets of an evaluation; `begin` gets a line for each cell.
    """

    def __init__(
        self,
        watcher: Callable[[Stage], None] | None = None,
        cell: Mapping[str, str] | None = None,
        *,
        begin: Callable[[str], None] = _ignore,
    ) -> None:
        self.stages: dict[str, Stage] = {}
        self._watcher, self.begin = watcher, begin
        self._cell = dict(cell or {})
        self._rounds: dict[tuple[str, int], Stage] = {}
        self._messages: set[str] = set()
        self._log, self._meter = StageLog(), Meter()
        self._lock = threading.Lock()

    def of_cell(self, benchmark: str, model: str) -> "Progress":
        """Progress of one cell of an evaluation, for the same watcher."""
        return Progress(self._watcher, {"benchmark": benchmark, "model": model})

    def of_next_job(self) -> "Progress":
        """Progress of a job that follows another one of its kind, from 0, for the same watcher."""
        return Progress(self._watcher, self._cell, begin=self.begin)

    def also(self, watcher: Callable[[Stage], None]) -> "Progress":
        """Progress for the same watcher and another one."""
        first = self._watcher

        def both(stage: Stage) -> None:
            watcher(stage)
            if first is not None:
                first(stage)

        return Progress(both, self._cell, begin=self.begin)

    def heard_by(self, tell: Callable[[str], None]) -> "Progress":
        """Progress of the same watcher; `tell` also gets the lines that begin something."""

        def begin(text: str) -> None:
            tell(text)
            self.begin(text)

        return Progress(self._watcher, self._cell, begin=begin)

    def report(self, stage: Stage, runs: "Runs", run: str) -> None:
        """A stage's own report, to the ledger and to who watches."""
        seconds = round(stage.seconds, 3)
        runs.progress(run, stage.name, done=stage.done, total=stage.total, seconds=seconds, detail=stage.detail)
        with self._lock:
            self._tell(stage)

    def tell(self, stage: Stage) -> None:
        """A report that is news only while it is new: to who watches, not to the ledger."""
        with self._lock:
            self._tell(stage)

    def __call__(self, event: Event) -> None:
        """A report of a round: rows of one round; the stages are sums over rounds."""
        with self._lock:
            for name in _OF_EVENT[event.kind]:
                # While a batch of another command is waited for, the round's own numbers stand still.
                if event.kind != "waiting":
                    self._rounds[name, event.round] = self._of_round(name, event)
                self._tell(self._summed(name, event))

    def _of_round(self, name: str, event: "Event") -> Stage:
        before = self._rounds.get((name, event.round), Stage(name))
        # Numbers of a round never fall: its last event, for one, does not repeat `here` and `correct`.
        here, correct = max(event.here, before.here or 0), max(event.correct, before.correct)
        done, tokens = max(event.done, before.done), max(event.tokens, before.tokens)
        if name == "draw":
            return Stage(name, done, event.total, tokens, event.seconds, here=here)
        total = event.total if event.answers is None else event.answers
        # `done` counts all rows of the round, and some are of steps that nobody judges.
        return Stage(name, min(done, total), total, 0, event.seconds, here=here, correct=correct)

    def _summed(self, name: str, event: "Event") -> Stage:
        parts = [stage for (part, _), stage in self._rounds.items() if part == name]
        sums = {key: sum(getattr(stage, key) for stage in parts) for key in ("done", "total", "tokens", "here", "correct")}
        before = self.stages.get(name)
        # Most events bring no forecast: the last one holds until there is another.
        whole = (event.whole or {}).get(name) or (before.detail.get("whole") if before else None)
        detail = {"round": event.round, "waiting": event.kind == "waiting", "whole": whole}
        # An event is told for two stages, and its message once.
        if name == "draw" and event.message and event.message not in self._messages:
            self._messages.add(event.message)
            detail["lines"] = [event.message]
        return Stage(name, **sums, seconds=sum(stage.seconds for stage in parts), detail=detail)

    def _tell(self, stage: Stage) -> None:
        self.stages[stage.name] = stage
        of_cell = replace(stage, detail={**self._cell, **stage.detail}) if self._cell else stage
        self._log(of_cell)
        self._meter.add(stage.name, stage.done if stage.here is None else stage.here, stage.tokens)
        if self._watcher is not None:
            self._watcher(of_cell)
