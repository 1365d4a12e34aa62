"""Child process with vLLM in it, from the host's side: start, messages, watch, end.

It runs under a guard, which leaves no process of vLLM's behind. A thread of its own reads from it.
"""

import contextlib
import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from rollmill.ground.errors import SetupError, Unavailable
from rollmill.pipelines.generate.vllm.vllm_settings import MAKE, VllmSettings
from rollmill.pipelines.processes.frames import Message, receive, send
from rollmill.pipelines.processes.spawn import GuardedProgram, ProcessLog, ending
from rollmill.places import IMPORT_ROOT

GUEST = Path(__file__).parent / "guest"
# The guest's modules under their own names, without what our packages import: that interpreter has none of it.
BOOT = (
    "import sys\n"
    "sys.path[:] = filter(None, sys.path)\n"  # without the current folder, which may hold files with any name
    "import importlib, types\n"
    "guest, processes = 'rollmill.pipelines.generate.vllm.guest', 'rollmill.pipelines.processes'\n"
    "for parts in guest.split('.'), processes.split('.'):\n"
    "    for name in ('.'.join(parts[:end]) for end in range(1, len(parts) + 1)):\n"
    "        sys.modules[name] = types.ModuleType(name)\n"
    "        sys.modules[name].__path__ = [sys.argv[3] + '/' + name.replace('.', '/')]\n"
    "sys.exit(importlib.import_module(guest + '.serve').main())\n"
)
TAIL_LINES, TAIL_WIDTH, MESSAGE_WIDTH = 12, 300, 600
NOISE = (" INFO ", " WARNING ", "resource_tracker", "warnings.warn(")  # what stands after the reason in most logs
# An exception in the log of vLLM's engine process: the error that reaches its parent does not name it.
CORE_ERROR = re.compile(r"\(EngineCore\b[^)]*\)(?: ERROR \S+ \S+ \[[^]]+\])? ((?:\w+\.)*\w*(?:Error|Exception)\b.*)")
NO_MEMORY = ("out of memory", "OutOfMemory", "KV cache", "Free memory on device")
STOP_SECONDS, END_SECONDS = 20.0, 5.0


class VllmChild:
    """Begin it, `ready()`, then `listen`: the listeners are called from its thread. Close it, in any state."""

    def __init__(self, settings: VllmSettings, setup: Message, env: dict[str, str]) -> None:
        self._settings, self._setup = settings, setup
        self._python = settings.interpreter()
        self._log = ProcessLog(None if settings.log is None else Path(settings.log))
        self._writing, self._telling = threading.Lock(), threading.Lock()
        self._started = threading.Event()
        self._first: Message | None = None
        self._closing = False
        self._on_message: Callable[[Message], None] = _ignore
        self._on_end: Callable[[SetupError], None] = _ignore
        self._ended: SetupError | None = None
        self._process, self._requests, self._replies = self._start(env)
        self._thread = threading.Thread(target=self._live, name="vllm-child", daemon=True)
        self._thread.start()

    def ready(self) -> Message:
        """Engine description that the child sends once the model is loaded; SetupError if it never comes."""
        if not self._started.wait(self._settings.start_seconds):
            self.close(patience=0.0)
            raise Unavailable(
                f"vLLM was not ready after {self._settings.start_seconds:g} seconds; {self.log_tail()}",
                next_command="raise vllm.start_seconds in the profile, or look into that log",
            )
        if self._first is None or self._first["kind"] != "ready":
            raise self.failure(self._first)
        return self._first

    def listen(self, on_message: Callable[[Message], None], on_end: Callable[[SetupError], None]) -> None:
        """Set the listeners of messages after the first and of an unrequested end, including an end that has happened
        already.
        """
        with self._telling:
            # Under one lock with the end: whichever comes first, the end is told exactly once.
            self._on_message, self._on_end = on_message, on_end
            ended = self._ended
        if ended is not None:
            on_end(ended)

    def send(self, message: Message) -> None:
        """Send a message; no-op if the child is gone, which its end reports."""
        with self._writing:
            if not self._requests.closed:
                with contextlib.suppress(OSError):
                    send(self._requests, message)

    def close(self, patience: float = STOP_SECONDS) -> None:
        """Ask it to stop, then end it and everything it started; safe to call twice."""
        self._closing = True
        if patience > 0:
            self.send({"kind": "stop"})
            self._thread.join(patience)
        self._process.close()
        self._thread.join(STOP_SECONDS)

    def failure(self, message_of_end: Message | None) -> SetupError:
        """Error for the user after a failure of the child, with the child's own message if it sent one."""
        cause = "died" if message_of_end is None else str(message_of_end.get("cause", "engine"))
        text = "" if message_of_end is None else str(message_of_end.get("message", ""))
        if cause == "engine" and (errors := [match for line in self._log.lines() if (match := CORE_ERROR.match(line))]):
            text = errors[-1][1][:MESSAGE_WIDTH]
            cause = "memory" if any(word in text for word in NO_MEMORY) else cause
        status = self._process.status
        how = "" if status is None else f" ({ending(status)})"
        words = {
            "no_vllm": (f"{self._python} has no vLLM.", MAKE),
            "no_avx512": ("this CPU has no AVX512, which vLLM's CPU build needs.", "use engine embedded or openai"),
            "memory": (f"vLLM has too little memory: {text}; {self.log_tail()}", MEMORY),
            "request": (f"vLLM refuses the request: {text}", "correct generate.options in the recipe"),
            "died": (f"vLLM's process died{how}; {self.log_tail()}", MEMORY_OR_LOG),
        }
        message, advice = words.get(cause, (f"vLLM failed: {text}; {self.log_tail()}", "look into that log"))
        return (Unavailable if cause in ("memory", "died") else SetupError)(message, next_command=advice)

    def log_tail(self) -> str:
        """Path of the log and its last lines."""
        lines = self._log.lines()
        telling = [line for line in lines if not any(word in line for word in NOISE)] or lines
        shown = [line[:TAIL_WIDTH] for line in telling[-TAIL_LINES:]]
        return f"its log is {self._log.path}" + (" and ends with\n  " + "\n  ".join(shown) if shown else ", and empty")

    def _live(self) -> None:
        """Body of the thread: set up, read until the end, report it."""
        last: Message | None = None
        try:
            self.send(self._setup)
            with self._replies:
                while (message := receive(self._replies)) is not None:
                    last = message
                    self._hear(message)
        finally:
            if not self._closing:
                self._process.wait(END_SECONDS)  # how the child ended is the guard's to tell, before it is cut off
            self._process.close()
            with self._writing, contextlib.suppress(OSError):
                self._requests.close()
            self._started.set()
            if not self._closing:
                error = self.failure(last if last is not None and last["kind"] == "failed" else None)
                with self._telling:
                    self._ended, on_end = error, self._on_end
                on_end(error)

    def _hear(self, message: Message) -> None:
        if self._first is None:
            self._first = message
            if message["kind"] == "ready":
                self._started.set()
        else:
            self._on_message(message)

    def _start(self, env: dict[str, str]) -> tuple[GuardedProgram, BinaryIO, BinaryIO]:
        """The guard with its child, the stream to it and the one from it."""
        child_reads, we_write = os.pipe()
        we_read, child_writes = os.pipe()
        command = [self._python, "-c", BOOT, str(child_reads), str(child_writes), str(IMPORT_ROOT)]
        try:
            process = GuardedProgram(command, self._environment(env), self._log.path, keep=(child_reads, child_writes))
        finally:
            # While a copy of the child's ends is open here, reading would not notice its death.
            for fd in (child_reads, child_writes):
                os.close(fd)
        return process, os.fdopen(we_write, "wb"), os.fdopen(we_read, "rb", buffering=1 << 20)

    def _environment(self, env: dict[str, str]) -> dict[str, str]:
        """The host's variables without those of its own interpreter; nothing of vLLM's goes out to the network."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
        # PYTHONSAFEPATH: for the processes that vLLM starts.
        quiet = {
            "PYTHONSAFEPATH": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1",
            "VLLM_LOGGING_COLOR": "0",
        }
        path = os.pathsep.join([str(GUEST / "plugin"), *filter(None, [self._settings.env.get("PYTHONPATH")])])
        return {**kept, **quiet, **env, **self._settings.env, "PYTHONPATH": path}


MEMORY = (
    "lower max_model_len in the recipe, or vllm.max_num_seqs, vllm.gpu_memory_utilization or VLLM_CPU_KVCACHE_SPACE "
    "(vllm.env) in the profile"
)
MEMORY_OR_LOG = f"the same command again, which asks only for what is missing; where it died of memory, {MEMORY}"


def _ignore(_: object) -> None:
    """No-op listener."""


def close_all(children: Sequence[VllmChild]) -> None:
    """Close several in parallel, so that their waits do not add up."""
    threads = [threading.Thread(target=child.close) for child in children]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
