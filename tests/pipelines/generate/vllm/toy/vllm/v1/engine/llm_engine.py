"""The engine: some requests at once, two tokens of each per step. Prompts that hold certain words make it misbehave."""

import os
import subprocess
import sys
import tempfile
import time
from multiprocessing.shared_memory import SharedMemory
from types import SimpleNamespace
from typing import Any

from vllm.usage.usage_lib import UsageContext  # noqa: TID253 (this is the toy)


class Tokenizer:
    """A token per letter."""

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        """The letters' numbers."""
        return [1, *map(ord, text)] if add_special_tokens else list(map(ord, text))


class LLMEngine:
    """As much of vLLM's as the child uses."""

    def __init__(self, arguments: Any) -> None:
        if "TOY_MEMORY" in os.environ:
            raise ValueError("No available memory for the KV cache blocks.")
        if "TOY_CORE" in os.environ:  # what the engine's process says, and what its parent raises
            print(f"(EngineCore pid=7) ERROR 11-26 11:13:38 [core.py:1231] {os.environ['TOY_CORE']}", flush=True)  # noqa: T201
            print("(EngineCore pid=7) Process EngineCore:", flush=True)  # noqa: T201
            raise RuntimeError("Engine core initialization failed. See root cause above. Failed core proc(s): {}")
        if "TOY_START" in os.environ:
            time.sleep(float(os.environ["TOY_START"]))
        self.vllm_config = SimpleNamespace(scheduler_config=SimpleNamespace(max_num_seqs=arguments.max_num_seqs))
        self.model_config = SimpleNamespace(max_model_len=arguments.max_model_len, dtype="torch.float32")
        self.renderer = SimpleNamespace(tokenizer=Tokenizer())
        self.engine_core = SimpleNamespace(shutdown=lambda: None)
        self._requests: dict[str, tuple[list[int], Any, list[int]]] = {}
        self._most = arguments.max_num_seqs
        # Like vLLM's own: a process in a session of its own that does not end by itself.
        self._core = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        self._memory = SharedMemory(create=True, size=10_000)
        print(f"CORE {self._core.pid}\nLEFT /dev/shm/{self._memory.name}\nLEFT {tempfile.mkdtemp()}", flush=True)  # noqa: T201

    @classmethod
    def from_engine_args(cls, arguments: Any, usage_context: UsageContext) -> "LLMEngine":
        """An engine for offline work: others have the defaults of a server, or of nobody."""
        assert usage_context is UsageContext.LLM_CLASS
        return cls(arguments)

    def has_unfinished_requests(self) -> bool:
        """Whether there is something to do."""
        return bool(self._requests)

    def add_request(self, key: str, prompt: dict[str, list[int]], params: Any, lora_request: Any = None) -> None:
        """Begin; an adapter would change nothing."""
        del lora_request
        ids = prompt["prompt_token_ids"]
        text = "".join(map(chr, ids))
        if "DIE" in text:
            print("Segmentation fault in toy.cpp:12", flush=True)  # noqa: T201
            os._exit(3)
        if vars(params).get("prompt_logprobs") is not None:
            params.seed = params.logprobs = None
        answer = [*map(ord, f"{len(text)}/{params.seed}\n#### 7")][: params.max_tokens]
        self._requests[key] = (ids, params, answer)

    def abort_request(self, keys: list[str]) -> None:
        """Forget."""
        for key in keys:
            self._requests.pop(key, None)

    def step(self) -> list[Any]:
        """Some are whole."""
        time.sleep(float(os.environ.get("TOY_STEP", "0")))
        print(f"STEP {len(self._requests)}", flush=True)  # noqa: T201
        done = list(self._requests)[: self._most]
        return [self._output(key, *self._requests.pop(key)) for key in done]

    def _output(self, key: str, ids: list[int], params: Any, answer: list[int]) -> Any:
        near = [{token: SimpleNamespace(logprob=-0.5, rank=1, decoded_token=chr(token))} for token in answer]
        drawn = SimpleNamespace(
            text="".join(map(chr, answer)),
            token_ids=answer,
            finish_reason="length" if len(answer) == params.max_tokens else "stop",
            stop_reason=None,  # this toy ends by itself, or where it was cut
            logprobs=None if params.logprobs is None else near,
        )
        prompt = [None, *({token: SimpleNamespace(logprob=-token / 1000)} for token in ids[1:])]
        asked = {"prompt_token_ids": ids, "prompt_logprobs": prompt}
        return SimpleNamespace(request_id=key, finished=True, outputs=[drawn], **asked)
