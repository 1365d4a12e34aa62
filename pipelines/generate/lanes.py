"""Several lanes at once, each on a thread of its own: onnxruntime and numpy let go of the interpreter while they compute.

Knows nothing of what a lane does but that it gives rows.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator

from pipelines.generate.decode import Group, Lane, Row
from pipelines.generate.session import Session
from pipelines.generate.vocabulary import Vocabulary


def run_lanes(session: Session, vocabulary: Vocabulary, groups: deque[Group], threads: int) -> Iterator[Row]:
    """Rows as they finish, from as many lanes as there is work for; a lane's failure is raised here.

    One lane runs on the caller's thread: a single request is not worth two switches of threads. When the caller stops
    listening, no further group is started; rows open on other threads run to their end.
    """
    if min(threads, len(groups)) == 1:
        yield from Lane(session, vocabulary, _popper(groups)).run()
        return
    done: queue.SimpleQueue[Row | BaseException | None] = queue.SimpleQueue()

    next_group = _popper(groups)

    def work() -> None:
        try:
            for row in Lane(session, vocabulary, next_group).run():
                done.put(row)
            done.put(None)
        except BaseException as failure:
            done.put(failure)

    lanes = [threading.Thread(target=work, name=f"embedded-{at}", daemon=True) for at in range(min(threads, len(groups)))]
    for lane in lanes:
        lane.start()
    try:
        yield from _collected(done, len(lanes))
    finally:
        groups.clear()
        for lane in lanes:
            lane.join()


def _collected(done: "queue.SimpleQueue[Row | BaseException | None]", lanes: int) -> Iterator[Row]:
    while lanes:
        item = done.get()
        if isinstance(item, BaseException):
            raise item
        if item is None:
            lanes -= 1
        else:
            yield item


def _popper(groups: deque[Group]) -> Callable[[], Group | None]:
    """Hands out groups, each once, to any thread; None when there is none left."""

    def next_group() -> Group | None:
        try:
            return groups.popleft()
        except IndexError:
            return None

    return next_group
