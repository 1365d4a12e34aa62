"""A pool of worker processes with hard limits, usable from any thread, for verifiers whose questions may cost any time.

Waiting for a free worker is never counted: limits are CPU seconds of one question, enforced inside the worker by the
kernel. A worker that dies is replaced; its question is asked once more, of a fresh worker and with no other question
running, and only if that fails too is the failure reported. A worker that dies without a question costs nothing. A worker
killed from outside says nothing about its question: another one is asked, after longer and longer pauses. Workers are fresh
interpreters (nothing is forked) and end when their input closes, so none outlives its parent, however that ends.

A question that ended in a limit is not asked again, and copies of one that is under way wait for its reply. All live pools
of one job with the same limits share this, so the threads of a run do; it is gone with the last of them. What succeeded is
not kept here: a verifier knows better what to remember.
"""

import contextlib
import errno
import hashlib
import json
import os
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from rollmill.pipelines.processes.frames import BadFrame
from rollmill.pipelines.processes.messages import MessageChild
from rollmill.pipelines.processes.proc import stat
from rollmill.pipelines.processes.spawn import ended_from_outside, ending, environment, module_command

_LIMITS = frozenset(("cpu_limit", "memory_limit", "recursion_limit", "crash: signal 6", "crash: signal 11"))
"""Failures that a question meets again; the signals: a C library without memory, and a stack that is too small."""
_REMEMBERED = 10_000  # questions that ended in a limit
_shared: "weakref.WeakValueDictionary[tuple[object, ...], SharedReplies]" = weakref.WeakValueDictionary()
Message = dict[str, Any]


class SharedReplies:
    """The questions that are under way, and those that ended in a limit, by digest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._replies: dict[bytes, Future[Message | None]] = {}
        self._killing: set[bytes] = set()

    def reply(self, question: Message, ask: Callable[[Message], Message]) -> Message:
        """Reply of `ask` to this question or to an equal one before; a question whose asking ended without a reply is
        asked again.
        """
        # json escapes what is not ASCII, so a lone surrogate in a model's text does not raise here.
        key = hashlib.sha256(json.dumps(question, sort_keys=True).encode("ascii")).digest()
        while True:
            with self._lock:
                mine = key not in self._replies
                future = self._replies.setdefault(key, Future())
            if mine:
                return self._ask(key, future, lambda: ask(question))
            reply = future.result()
            if reply is not None:
                # The asker reports these CPU seconds; with a copy's own they would be counted twice.
                return {**reply, "cpu": 0.0}

    def _ask(self, key: bytes, future: "Future[Message | None]", ask: Callable[[], Message]) -> Message:
        reply = None
        try:
            reply = ask()
            return dict(reply)
        finally:
            with self._lock:
                if reply is None or not self._fails_again(key, reply):
                    self._replies.pop(key, None)
                elif len(self._replies) > _REMEMBERED:
                    # The oldest finished one goes: copies of one that is under way must still find it.
                    self._replies.pop(next((past for past, under_way in self._replies.items() if under_way.done()), key))
            # After the pop: a waiter that wakes to None looks the key up again and must not find this future.
            future.set_result(reply)

    def _fails_again(self, key: bytes, reply: Message) -> bool:
        """True if an equal question would fail alike: after a limit, and after the second kill (the system may cause the
        first).
        """
        if not reply.get("killed"):
            return reply.get("failed") in _LIMITS
        again = key in self._killing
        self._killing.add(key)
        return again


_WATCH_SECONDS = 5.0  # between two looks at a worker's CPU time, while its reply is waited for
_SHORT_OF = frozenset((errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE))
"""Error numbers of a system that is short of processes, memory or files just now, whatever the question."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Limits of one question: CPU seconds and bytes of address space; of a worker: seconds without any CPU progress.

    `kill_pauses`: seconds to wait after each worker killed during one question, before the next is asked.
    """

    cpu_seconds: float = 5.0
    memory_bytes: int = 1 << 30
    stall_seconds: float = 60.0
    kill_pauses: tuple[float, ...] = (0.05, 0.2, 0.8, 2.0)


class WorkerDeath(Exception):  # noqa: N818 - internal: always caught by the pool
    """The worker ended before it answered; the message is the cause."""


class WorkerKill(WorkerDeath):
    """Somebody else ended it (a person, a system without memory), or it could not start: its question had no part in it."""


class Worker:
    """Worker process. It answers one question at a time."""

    def __init__(self, job: str, limits: WorkerLimits, path: Sequence[str]) -> None:
        self.limits = limits
        limited = (str(limits.cpu_seconds), str(limits.memory_bytes))
        command = module_command("rollmill.pipelines.verify.workers.worker", job, *limited)
        self.process = MessageChild(command, environment(*path), stderr=subprocess.DEVNULL)
        self.kill = self.process.kill

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The worker's reply; `WorkerDeath` with the cause when there is none."""
        cpu, since = 0.0, time.monotonic()

        def check() -> None:
            """A worker that makes no CPU progress for long is stuck. Without /proc every worker seems to be."""
            nonlocal cpu, since
            now = stat(self.process.pid)
            if now is not None and now.cpu != cpu:
                cpu, since = now.cpu, time.monotonic()
            elif time.monotonic() - since > self.limits.stall_seconds:
                raise WorkerDeath("stalled")

        try:
            sent = self.process.send(question)
            reply = self.process.receive(min(_WATCH_SECONDS, self.limits.stall_seconds / 4), check) if sent else None
        except BadFrame as error:
            raise WorkerDeath(f"crash: {error}") from None
        if reply is None:
            raise self._death()
        return reply

    def _death(self) -> WorkerDeath:
        status = self.process.status()
        if status is None:
            return WorkerDeath("crash: closed its output")
        if status == -signal.SIGPROF:
            return WorkerDeath("cpu_limit")
        return (WorkerKill if ended_from_outside(status) else WorkerDeath)(f"crash: {ending(status)}")


class WorkerPool:
    """Asks questions of at most `workers` processes, which start when first needed."""

    def __init__(self, job: str, *, workers: int = 2, limits: WorkerLimits | None = None, path: Sequence[str] = ()) -> None:
        self.job, self.workers, self.limits, self.path = job, workers, limits or WorkerLimits(), tuple(path)
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._slots = threading.Semaphore(self.workers)
        self._alone = threading.Lock()
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._alive: set[Worker] = set()
        self._closed = threading.Event()
        # By process: the parent's threads, which would answer what is under way, do not exist in a forked child.
        self._replies = _shared.setdefault((self._pid, self.job, self.limits, self.path), SharedReplies())
        # Given the set alone: an argument that refers to the pool would keep it alive for ever.
        self._finalizer = weakref.finalize(self, _kill_all, self._alive)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The reply to a question, `{"failed": cause}` when two workers failed on it. Thread-safe; blocks."""
        if os.getpid() != self._pid:
            self._start()  # a forked child: the parent's workers are not ours
        return self._replies.reply(question, self._ask_twice)

    def _ask_twice(self, question: dict[str, Any]) -> dict[str, Any]:
        with self._slots:
            reply = self._ask_patiently(question)
        if "failed" not in reply:
            return reply
        # One at a time: two that each held some of the places would wait for each other's for ever.
        with self._alone:
            slots = 0
            try:
                while slots < self.workers:
                    slots += self._slots.acquire()  # all places: no other question is running
                return self._ask_patiently(question, fresh=True)
            finally:
                for _ in range(slots):
                    self._slots.release()

    def close(self) -> None:
        """Kill all workers; questions in flight fail. Safe to call twice."""
        with self._lock:
            self._closed.set()
            self._idle.clear()
        _kill_all(self._alive)

    def _ask_patiently(self, question: dict[str, Any], *, fresh: bool = False) -> dict[str, Any]:
        """Ask a worker; if it was killed, ask another after each pause until none is left."""
        for pause in self.limits.kill_pauses:
            with contextlib.suppress(WorkerKill):
                return self._ask_one(question, fresh=fresh)
            # The event instead of a sleep, so that `close` ends the pause.
            self._closed.wait(pause)
        try:
            return self._ask_one(question, fresh=fresh)
        except WorkerKill as death:
            return {"failed": str(death), "killed": True}

    def _ask_one(self, question: dict[str, Any], *, fresh: bool) -> dict[str, Any]:
        worker = self._borrow(fresh=fresh)
        try:
            reply = worker.ask(question)
        except WorkerKill:
            self._drop(worker)
            raise
        except WorkerDeath as death:
            self._drop(worker)
            return {"failed": str(death)}
        # An interrupt may leave the reply in the pipe, and the next question would read it as its own.
        except BaseException:
            self._drop(worker)
            raise
        if reply.pop("retire", False):
            self._drop(worker)
        else:
            with self._lock:
                self._idle.append(worker)
        return reply

    def _borrow(self, *, fresh: bool) -> Worker:
        """An idle worker that lives, else a new one. `fresh`: a new one, in the place of an idle one where need be."""
        with self._lock:
            if self._closed.is_set():
                raise RuntimeError("this verifier is closed")
            while self._idle and not (fresh and len(self._alive) < self.workers):
                worker = self._idle.pop()
                if worker.process.lives and not fresh:
                    return worker
                self._alive.discard(worker)
                worker.kill()
            try:
                worker = Worker(self.job, self.limits, self.path)
            except OSError as error:
                if error.errno not in _SHORT_OF:
                    raise
                raise WorkerKill(f"crash: no worker: {error.strerror}") from error
            self._alive.add(worker)
            return worker

    def _drop(self, worker: Worker) -> None:
        with self._lock:
            self._alive.discard(worker)
        worker.kill()


def _kill_all(alive: set[Worker]) -> None:
    while alive:
        # Another thread may take the last one between the test and the pop.
        with contextlib.suppress(KeyError):
            alive.pop().kill()
