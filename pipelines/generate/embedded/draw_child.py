"""A draw worker's process: messages with groups of requests on standard input, and with drawn rows on standard output.

Started as `python -m rollmill.pipelines.generate.embedded.draw_child FOLDER SIZES`. A host's group is `{"work", "ids",
"requests"}`, each request `[place, seed, sampling]`; an answer is `{"rows"}`, each row `[work, place, *Sample]`. It ends
when its input does, so none outlives its host; Ctrl-C is the host's to act on.
"""

import contextlib
import os
import queue
import sys
import threading
import time
from dataclasses import replace
from io import FileIO
from typing import Any

from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.records import Request, Sampling
from rollmill.pipelines.generate.embedded.decode import DecodeGroup, DecodeLoop, DecodeRow, DrawnSample
from rollmill.pipelines.generate.embedded.model_files import ModelFiles, Vocabulary
from rollmill.pipelines.generate.embedded.session import ModelSession
from rollmill.pipelines.processes.child import ignore_terminal, take_pipes
from rollmill.pipelines.processes.frames import receive, send

ROWS, SECONDS = 8, 0.03  # a message holds so many rows, or what has come in so long


class Inbox:
    """Groups as they come. A thread takes them from the pipe, so that the host never waits; its end is ours."""

    def __init__(self, stream: FileIO, outbox: "Outbox") -> None:
        self._stream, self._outbox = stream, outbox
        self._groups: queue.SimpleQueue[DecodeGroup] = queue.SimpleQueue()
        self._first: DecodeGroup | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def wait(self) -> None:
        """Until there is a group, however long it takes."""
        self._outbox.send()
        self._first = self._groups.get()

    def next_group(self) -> DecodeGroup | None:
        """A group that is there already; between two steps of rows under way."""
        self._outbox.send_old()
        first, self._first = self._first, None
        if first is not None:
            return first
        try:
            return self._groups.get_nowait()
        except queue.Empty:
            return None

    def _listen(self) -> None:
        try:
            self._take_groups()
        finally:  # also where it failed: the host would wait for rows of a group that nobody got
            os._exit(0)  # whatever is being drawn, nobody will read it

    def _take_groups(self) -> None:
        while (message := receive(self._stream)) is not None:
            work, fields = str(message["work"]), message["requests"]
            requests = [
                Request(work, work, "", "", _sampling(sampling), int(seed), "curate", place)
                for place, seed, sampling in fields
            ]
            self._groups.put(DecodeGroup(tuple(message["ids"]), requests))


class Outbox:
    """Rows on their way to the host, some at a time: each message takes its interpreter from the host's other threads."""

    def __init__(self, stream: FileIO, vocabulary: Vocabulary) -> None:
        self._stream, self._vocabulary = stream, vocabulary
        self._rows: list[list[object]] = []
        self._since = 0.0

    def add(self, row: DecodeRow) -> None:
        """Take a finished row."""
        if not self._rows:
            self._since = time.monotonic()
        self._rows.append([int(row.request.prompt_id), row.request.sample_index, *DrawnSample.of(row, self._vocabulary)])
        if len(self._rows) >= ROWS:
            self.send()

    def send_old(self) -> None:
        """Send the rows that have waited long enough."""
        if self._rows and time.monotonic() - self._since >= SECONDS:
            self.send()

    def send(self) -> None:
        """Send all waiting rows."""
        if self._rows:
            rows, self._rows = self._rows, []
            send(self._stream, {"rows": rows})


def main(folder: str, sizes: str) -> None:
    """Serve until the host is gone."""
    ignore_terminal()
    requests, replies = take_pipes()
    try:
        files = ModelFiles.open(folder)
        vocabulary, session = (
            Vocabulary(files.folder / "tokenizer.json"),
            ModelSession(files, tuple(map(int, sizes.split(",")))),
        )
        send(replies, {"ready": True})
        serve(session, vocabulary, requests, replies)
    except BrokenPipeError:
        pass
    except Exception as error:
        with contextlib.suppress(OSError):
            send(replies, {"failed": f"{type(error).__name__}: {error}"[:500]})
    os._exit(0)  # the thread that listens would keep us


def serve(session: ModelSession, vocabulary: Vocabulary, requests: FileIO, replies: FileIO) -> None:
    """Run decoding loops one after another, each for as long as there is something to draw."""
    outbox = Outbox(replies, vocabulary)
    inbox = Inbox(requests, outbox)
    while True:
        inbox.wait()
        for row in DecodeLoop(session, vocabulary, inbox.next_group).run():
            outbox.add(row)


def _sampling(values: list[Any]) -> Sampling:
    """A Sampling from its fields in order, the warps last; JSON knows no tuples."""
    plain: list[Any] = [tuple(value) if isinstance(value, list) else value for value in values[:-1]]
    return replace(Sampling(*plain), warp=tuple(RecordedMethod(*warp) for warp in values[-1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
