"""No question is asked for nothing: its copies wait for the reply that is under way, and a limit is met once.

Shared by all live pools of one job with the same limits, so by the threads of a run; gone with the last of them. Knows no
process. What succeeded is not kept here: a verifier knows better what to remember.
"""

import hashlib
import json
import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

_LIMITS = frozenset(("cpu_limit", "memory_limit", "recursion_limit", "crash: signal 6", "crash: signal 11"))
"""Failures that a question meets again; the signals: a C library without memory, and a stack that is too small."""
_REMEMBERED = 10_000
_shared: "weakref.WeakValueDictionary[tuple[object, ...], Once]" = weakref.WeakValueDictionary()
Message = dict[str, Any]


class Once:
    """The questions that are under way, and those that ended in a limit, by digest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._replies: dict[bytes, Future[Message | None]] = {}
        self._killing: set[bytes] = set()

    def reply(self, question: Message, ask: Callable[[Message], Message]) -> Message:
        """What `ask` replies, or has replied to a copy; one whose asking ended without a reply is asked again."""
        key = hashlib.sha256(json.dumps(question, sort_keys=True).encode("ascii")).digest()
        while True:
            with self._lock:
                mine = key not in self._replies
                future = self._replies.setdefault(key, Future())
            if mine:
                return self._ask(key, future, lambda: ask(question))
            reply = future.result()
            if reply is not None:
                return {**reply, "cpu": 0.0}

    def _ask(self, key: bytes, future: "Future[Message | None]", ask: Callable[[], Message]) -> Message:
        reply = None
        try:
            reply = ask()
            return dict(reply)
        finally:
            with self._lock:
                if reply is None or not self._lasts(key, reply):
                    self._replies.pop(key, None)
                elif len(self._replies) > _REMEMBERED:
                    self._replies.pop(next((past for past, under_way in self._replies.items() if under_way.done()), key))
            future.set_result(reply)

    def _lasts(self, key: bytes, reply: Message) -> bool:
        """Whether a copy would fare alike: after a limit, and after kills the second time (the system may be at it)."""
        if not reply.get("killed"):
            return reply.get("failed") in _LIMITS
        again = key in self._killing
        self._killing.add(key)
        return again


def shared(*of: object) -> Once:
    """The one of this key in this process."""
    return _shared.setdefault((os.getpid(), *of), Once())
