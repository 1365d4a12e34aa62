"""Lives of a run that are killed again and again: python -m tests.flows.rounds.together.storm FOLDER SEED KILLS HOW [URL
LOG].

One process imports everything and opens nothing; each command is a fork of it, so a thousand take minutes. HOW: `point`
arms a random failpoint for a random hit, `moment` sends SIGKILL after a random time. Engine, batch, workers, threads and
whether two commands work at once are drawn per life. Every fork first looks at what the ones before left: no row that was
committed is gone, none is there twice, and no more was paid for in vain than was under way. A life ends when its command
does; then every row must be that of an undisturbed run. Prints how much it did as one line of JSON.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import alembic.command
import alembic.script
import duckdb
import pandas
import psutil
import pyarrow.parquet
import sqlalchemy.dialects.sqlite

from rollmill.flows.rounds import QueueLimits, decide, run_all
from rollmill.flows.sampling.replies import GROUP
from rollmill.ground import failpoints
from rollmill.ground.records import Attempt, Completion, Request
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.openai import OpenAI
from rollmill.storage.segments.keys import Kind
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import ToyEngine, ToyRun, ToyVerifier, calls, content, problems, spec, workspace
from tests.tied import die_with

PRELOADED = (alembic.command, alembic.script, duckdb, pandas, psutil, pyarrow.parquet, sqlalchemy.dialects.sqlite)
POINTS = [name for name in failpoints.NAMES if not name.startswith(("publish.", "compact."))]
PROBLEMS, CAP, WINDOW = 10, 8, 8
KINDS: dict[Kind, str] = {
    "completions": "id",
    "verdicts": "completion_id || problem_id || verifier || version",
    "decisions": "completion_id || problem_id",
    "plan": "round || '/' || ordinal",
    "stops": "round || '/' || problem_id",
}


@dataclass
class Grouping(ToyEngine):
    """Gives its answers in groups, as engines behind a server do."""

    size: int = 4

    def groups(self, requests: Sequence[Request], heard: Callable[[Sequence[Attempt]], None]) -> Iterator[list[Completion]]:
        for start in range(0, len(requests), self.size):
            part = requests[start : start + self.size]
            heard([Attempt("toy", "ok", len(part), 0.0, part[-1].completion_id)])
            yield list(self.generate(part))


@dataclass(frozen=True)
class Life:
    """One workspace and how its commands work. `lost`: the most that one kill may cost."""

    folder: Path
    engine: str
    batch: int
    draw_workers: int
    judges: int
    delay: float = 0.0
    url: str = ""
    calls: str = ""

    @property
    def log(self) -> Path:
        return Path(self.calls) if self.calls else self.folder / "calls"

    @property
    def limits(self) -> QueueLimits:
        return QueueLimits(self.draw_workers + 1, self.draw_workers + 3, self.judges, self.draw_workers, poll_seconds=0.01)

    @property
    def lost(self) -> int:
        return {
            "memory": 2 * self.batch,
            "spooled": self.draw_workers * min(GROUP, self.batch),
            "groups": self.draw_workers * 4,
            "http": WINDOW,
        }[self.engine]

    def spec(self) -> ToyRun:
        toys: dict[str, Callable[[], Any]] = {
            "memory": partial(ToyEngine, log=self.log, delay=self.delay),
            "spooled": partial(ToyEngine, log=self.log, delay=self.delay, spooled=True),
            "groups": partial(Grouping, log=self.log, delay=self.delay, spooled=True),
            "http": lambda: OpenAI("toy", http=HttpSettings((Server(self.url, concurrency=WINDOW),), backoff_seconds=0.02)),
        }
        limits = self.limits if self.engine != "memory" else QueueLimits(verify_threads=self.judges, poll_seconds=0.01)
        return spec(
            engine=toys[self.engine],
            verifiers=(partial(ToyVerifier, delay=self.delay / 2),),
            problems=problems(PROBLEMS),
            budget=DarsUniform(initial=4, target=2, cap=CAP),
            batch_size=self.batch,
            limits=limits,
        )


def work(life: Life) -> None:
    """One command."""
    with workspace(life.folder / "ws") as ws, life.spec().open(ws) as run:
        ws.recover()
        run_all(run)
        decide(run)


def look(life: Life, kills: int) -> None:
    """What the commands before left, before anything of it is put right."""
    if not (life.folder / "ws" / "rollmill.toml").exists():
        return
    with Workspace.open(life.folder / "ws") as ws:
        rows, registered = stored(ws)
        spooled = {row.id for path in (ws.state / "spool").glob("*.jsonl") for row in ws.spool(path.stem).read()}
    for kind, keys in rows.items():
        assert len(keys) == len(set(keys)) == registered[kind], f"{kind}: {len(keys)} rows, {registered[kind]} registered"
    kept = life.folder / "kept.json"
    before = json.loads(kept.read_text()) if kept.exists() else {}
    for kind, keys in before.items():
        assert set(keys) <= set(rows[kind]), f"{kind}: {len(set(keys) - set(rows[kind]))} committed rows are gone"
    kept.write_text(json.dumps(rows))
    paid = len(life.log.read_bytes().splitlines()) if life.log.exists() else 0
    durable = len(spooled | set(rows["completions"]))
    assert paid - durable <= kills * life.lost, f"{paid} paid, {durable} durable after {kills} kills of {life.lost}"


def stored(ws: Workspace) -> tuple[dict[Kind, list[str]], dict[Kind, int]]:
    """The key of every row by kind, and how many rows the ledger says there are."""
    with ws.segments.connect() as connection:
        rows = {
            kind: [str(key) for (key,) in connection.execute(f"SELECT {key} FROM {kind}").fetchall()]
            for kind, key in KINDS.items()
        }
    listed = {kind: ws.segments.registry.segments(kind) for kind in KINDS}
    return rows, {kind: sum(segment.rows for segment in segments) for kind, segments in listed.items()}


def end(life: Life, kills: int, expected: Path) -> None:
    """A life is over: nothing is missing, nothing is left over."""
    look(life, kills)
    with Workspace.open(life.folder / "ws") as ws:
        assert ws.recover() == []  # of two commands one may have died when the other had cleared up
        rows = json.loads(json.dumps(content(ws)))
        assert ws.ledger.leases.held() == {}
        assert list((ws.state / "spool").glob("*")) == []
        files = {path.name for path in (ws.state / "segments").rglob("*") if path.suffix == ".parquet"}
        known = {f"{segment}.parquet" for segment in ws.segments.registry.known_ids()}
        assert files == known, f"{len(files - known)} files of nobody, {len(known - files)} missing"
    with Workspace.open(life.folder / "ws") as ws, ws.segments.connect() as connection:
        columns = "completion_id, problem_id, outcome, verifier, verifier_version"
        accepted, decided = (connection.sql(f"SELECT DISTINCT {columns} FROM {kind} ORDER BY ALL").fetchall()
                             for kind in ("outcomes", "decisions"))  # fmt: skip
        assert accepted == decided, "the stored outcomes are not those of the decisions"
    if not expected.exists():
        expected.write_text(json.dumps(rows))
    assert rows == json.loads(expected.read_text())
    if life.engine != "http":
        assert {row[0] for row in rows["completions"]} == set(calls(life.log))


def forked(do: Callable[[], None]) -> int:
    """Do this in a fork of this process, which it does not outlive; its process id."""
    parent, pid = os.getpid(), os.fork()
    if pid:
        return pid
    status = 1
    try:
        die_with(parent)
        do()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def ended(pid: int, after: float | None = None) -> int:
    """Wait for a fork, killing it after so many seconds; its status, negative for a signal."""
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@dataclass
class Storm:
    """What is drawn and what was done so far."""

    folder: Path
    seed: int
    how: str
    url: str = ""
    log: str = ""
    kills: int = 0
    lives: int = 0
    commands: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def life(self) -> Life:
        self.lives += 1
        folder = self.folder / str(self.lives)
        folder.mkdir()
        engine = "http" if self.url else self.rng.choice(["memory", "memory", "spooled", "groups"])
        delay = 0.0 if self.how == "point" else 0.01
        drawn = self.rng.randint(3, 24), self.rng.randint(1, 3), self.rng.randint(1, 2)
        return Life(folder, engine, *drawn, delay, self.url, self.log)

    def until(self, target: int) -> None:
        """Lives until so many kills were survived."""
        undisturbed = Life(self.folder / "0", "http" if self.url else "memory", 7, 1, 1, 0.0, self.url, self.log)
        undisturbed.folder.mkdir()
        self.check(undisturbed, forked(lambda: work(undisturbed)))
        self.check(undisturbed, forked(lambda: end(undisturbed, 0, self.expected)))
        while self.kills < target:
            self.live(self.life(), target)

    @property
    def expected(self) -> Path:
        return self.folder / "expected.json"

    def live(self, life: Life, target: int) -> None:
        """Kill its commands until one ends by itself, as one does when enough were killed."""
        if life.calls:
            Path(life.calls).write_text("")
        killed, done = 0, False
        while not done:
            armed = self.kills < target
            deaths, done = self.together(life, killed) if armed else (0, self.undisturbed(life, killed))
            killed, self.kills = killed + deaths, self.kills + deaths
        self.check(life, forked(lambda: end(life, killed, self.expected)))

    def together(self, life: Life, killed: int) -> tuple[int, bool]:
        """One command, or two at once; how many were killed, and whether one came to its end."""
        pids = []
        pair = self.rng.random() < 0.15
        if pair:  # looking while another works would compare two moments
            self.check(life, forked(lambda: look(life, killed)))
        for _ in range(1 + pair):
            armed = self.point() if self.how == "point" else None
            pids.append(self.begin(life, killed, armed, looking=not pair))
        statuses = [ended(pid, self.rng.uniform(0.02, 0.6) if self.how == "moment" else None) for pid in pids]
        assert set(statuses) <= {0, -signal.SIGKILL}, self.told(life, statuses)
        return statuses.count(-signal.SIGKILL), 0 in statuses

    def point(self) -> str:
        """Any point of a whole run, or one of a name."""
        if self.rng.random() < 0.7:
            return f"*:{self.rng.randint(1, 60)}"
        return f"{self.rng.choice(POINTS)}:{self.rng.randint(1, 4)}"

    def undisturbed(self, life: Life, killed: int) -> bool:
        """One command that nobody kills."""
        self.check(life, self.begin(life, killed, None))
        return True

    def begin(self, life: Life, killed: int, armed: str | None, *, looking: bool = True) -> int:
        self.commands += 1

        def command() -> None:
            if looking:
                look(life, killed)
            if armed:
                os.environ[failpoints.VARIABLE] = armed
            work(life)

        return forked(command)

    def check(self, life: Life, pid: int) -> None:
        status = ended(pid)
        assert status == 0, self.told(life, [status])

    def told(self, life: Life, statuses: Sequence[int]) -> str:
        return f"seed {self.seed} ({self.how}), kill {self.kills}, statuses {statuses}: {life}"


def main() -> None:
    """Storm, and say how much was done."""
    folder, seed, kills, how = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    url, log = sys.argv[5:7] or ("", "")
    storm = Storm(folder, seed, how, url, log)
    storm.until(kills)
    sys.stdout.write(json.dumps({"kills": storm.kills, "lives": storm.lives, "commands": storm.commands}) + "\n")


if __name__ == "__main__":
    main()
