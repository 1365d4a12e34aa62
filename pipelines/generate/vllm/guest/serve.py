"""Main program of the child: starts vLLM's engine with the host's settings, then draws its requests until it disconnects.

Reads messages from the first descriptor named on the command line and writes them to the second; output is the log's.
An error at the start is reported in one message with a cause that the host can explain.
"""

import importlib
import importlib.util
import os
import platform
import queue
import sys
import threading
import traceback
from typing import Any, BinaryIO

from rollmill.pipelines.generate.vllm.guest.drawing import Drawing
from rollmill.pipelines.processes.frames import Message, receive, send


def main() -> int:
    """Serve one host; 0 when it sent stop or disconnected, 1 after a failure that was reported to it."""
    requests, replies = (_pipe(int(fd), mode) for fd, mode in zip(sys.argv[1:3], ("rb", "wb"), strict=True))
    setup = receive(requests)
    if setup is None:
        return 0
    try:
        engine, facts = start(setup)
        drawing = Drawing(engine, setup)
    except StartError as reason:
        send(replies, {"kind": "failed", "cause": reason.cause, "message": str(reason)})
        return 1
    except Exception as error:
        traceback.print_exc()
        send(replies, {"kind": "failed", "cause": cause_of(error), "message": _line(error)})
        return 1
    send(replies, {"kind": "ready", **facts})
    return _draw(drawing, requests, replies)


def _pipe(fd: int, mode: str) -> Any:
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
                # All that waits is taken before the next step, so that new requests share it.
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
    """`memory`, `request` or `engine`: the cause, for the host's advice. vLLM's processes report most in the log only."""
    text = f"{type(error).__name__}: {error}"
    if type(error).__name__ == "VLLMValidationError":
        return "request"
    return (
        "memory" if any(word in text for word in ("OutOfMemory", "out of memory", "KV cache", "MemoryError")) else "engine"
    )


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:600]


class StartError(Exception):
    """A reason why no engine can start, with its cause as one word."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


def start(setup: Message) -> tuple[Any, Message]:
    """The engine and its facts: versions, device, parallel sequences, tokens of context."""
    if importlib.util.find_spec("vllm") is None:
        raise StartError("no_vllm", f"{sys.executable} has no package vllm")
    import torch
    import vllm
    from vllm import EngineArgs
    from vllm.platforms import current_platform
    from vllm.usage.usage_lib import UsageContext
    from vllm.v1.engine.llm_engine import LLMEngine

    cpu = current_platform.is_cpu()
    if cpu and platform.machine() == "x86_64" and not torch.cpu._is_avx512_supported():
        raise StartError("no_avx512", "vLLM on a CPU needs AVX512")
    # Before the engine: its processes inherit the variable that names the file.
    if setup["certainty_slots"]:
        importlib.import_module("rollmill_certainty").make(setup["certainty_slots"])
    # The defaults of offline work: on an H200 1,024 sequences and 16,384 tokens at once; an engine alone has 128 and 2,048.
    engine = LLMEngine.from_engine_args(EngineArgs(**_arguments(setup, cpu)), usage_context=UsageContext.LLM_CLASS)
    facts = {
        "vllm": vllm.__version__,
        "torch": torch.__version__,
        "device": "cpu" if cpu else str(current_platform.get_device_name()),
        "max_num_seqs": engine.vllm_config.scheduler_config.max_num_seqs,
        "context": engine.model_config.max_model_len,
        "dtype": str(engine.model_config.dtype).removeprefix("torch."),
    }
    return engine, facts


def _arguments(setup: Message, cpu: bool) -> dict[str, Any]:
    """Engine arguments of the host, with those that must hold here.

    On a CPU no prompt is prefilled in parts: vLLM 0.32 dies of it where requests carry seeds ("CPU Generator does not use
    offset"), so that a step must have room for the longest prompt.
    """
    arguments = dict(setup["engine"])
    if cpu:
        arguments["enable_chunked_prefill"] = False
        arguments.setdefault("max_num_batched_tokens", max(setup["context"] or 0, 4096))
    return arguments
