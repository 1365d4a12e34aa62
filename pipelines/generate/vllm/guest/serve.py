"""The child's main: start the engine as the host says, then draw what it asks until it hangs up.

Reads messages from the first descriptor named on the command line and writes them to the second; output is the log's.
Whatever goes wrong at the start is told in one message with a cause that the host knows how to explain.
"""

import os
import queue
import sys
import threading
import traceback
from typing import Any, BinaryIO

from pipelines.generate.vllm.guest.drawing import Drawing
from pipelines.generate.vllm.guest.starting import Cannot, start
from pipelines.processes.frames import Message, receive, send


def main() -> int:
    """Serve one host; 0 when it said stop or is gone, 1 after a failure that it was told of."""
    requests, replies = (_opened(int(fd), mode) for fd, mode in zip(sys.argv[1:3], ("rb", "wb"), strict=True))
    setup = receive(requests)
    if setup is None:
        return 0
    try:
        engine, facts = start(setup)
        drawing = Drawing(engine, setup)
    except Cannot as reason:
        send(replies, {"kind": "failed", "cause": reason.cause, "message": str(reason)})
        return 1
    except Exception as error:
        traceback.print_exc()
        send(replies, {"kind": "failed", "cause": cause_of(error), "message": _line(error)})
        return 1
    send(replies, {"kind": "ready", **facts})
    return _draw(drawing, requests, replies)


def _opened(fd: int, mode: str) -> Any:
    """A pipe of the host's, which no process that vLLM starts inherits."""
    os.set_inheritable(fd, False)  # noqa: FBT003 (it takes no names)
    return os.fdopen(fd, mode, buffering=1 << 20)


def _draw(drawing: Drawing, requests: BinaryIO, replies: BinaryIO) -> int:
    """Take requests and give answers until the host hangs up."""
    inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, inbox), daemon=True).start()
    try:
        while True:
            message = _next(inbox, wait=not drawing.busy)
            while message is not NOTHING:
                if message is None or message["kind"] == "stop":
                    drawing.close()
                    return 0
                drawing.abort(message["keys"]) if message["kind"] == "abort" else drawing.take(message)
                message = _next(inbox, wait=False)
            answers = drawing.step()
            if answers:
                send(replies, {"kind": "done", "answers": answers})
    except BrokenPipeError:
        return 0
    except Exception as error:
        traceback.print_exc()
        send(replies, {"kind": "failed", "cause": cause_of(error), "message": _line(error)})
        return 1


NOTHING: Message = {}


def _next(inbox: "queue.SimpleQueue[Message | None]", *, wait: bool) -> Message | None:
    """The next message of the host; None when it is gone, NOTHING when there is none yet."""
    try:
        return inbox.get(block=wait)
    except queue.Empty:
        return NOTHING


def _listen(requests: BinaryIO, inbox: "queue.SimpleQueue[Message | None]") -> None:
    while True:
        message = receive(requests)
        inbox.put(message)
        if message is None:
            return


def cause_of(error: BaseException) -> str:
    """`memory`, `request` or `engine`: what the host should advise. vLLM's processes tell most in the log only."""
    text = f"{type(error).__name__}: {error}"
    if type(error).__name__ == "VLLMValidationError":
        return "request"
    return (
        "memory" if any(word in text for word in ("OutOfMemory", "out of memory", "KV cache", "MemoryError")) else "engine"
    )


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:600]
