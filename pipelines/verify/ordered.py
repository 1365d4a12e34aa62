"""Asks a slow function of many items in several threads and yields the answers in input order. Knows no verdict.

Only a window of items is held, so an endless stream of them may come in, and may be abandoned.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")
_AHEAD = 16
"""Items per thread that may be under way before the first of them is waited for."""


def in_order(ask: Callable[[Item], Answer], items: Iterable[Item], threads: int) -> Iterator[Answer]:
    """The answers in the order of the items. What `ask` raises is raised at its place."""
    waiting: deque[Future[Answer]] = deque()
    executor = ThreadPoolExecutor(threads, thread_name_prefix="rollmill-verify")
    try:
        for item in items:
            waiting.append(executor.submit(ask, item))
            while waiting and (waiting[0].done() or len(waiting) >= threads * _AHEAD):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
