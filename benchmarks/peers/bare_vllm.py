"""The bare engine: vllm.LLM.generate on the prompts, seeds and sampling of a file; knows nothing of ours.

    python bare_vllm.py ASKED.json    # {"arguments": EngineArgs, "max_tokens": n, "turns": [[[prompt, seed], ...], ...]}

Loads once, then answers each line on standard input, the number of a turn, with one JSON line: tokens and seconds.
"""

import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    """Serve turns until the input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # vLLM prints; what it prints is not a reply
    from vllm import LLM, SamplingParams

    request = json.loads(Path(sys.argv[1]).read_text())
    model = LLM(**request["arguments"])
    tokenizer = model.get_tokenizer()
    prints(replies, {"ready": True})
    for line in sys.stdin:
        turn = request["turns"][int(line)]
        began = time.perf_counter()
        prompts = [{"prompt_token_ids": tokenizer.encode(prompt, add_special_tokens=False)} for prompt, _ in turn]
        params = [SamplingParams(temperature=1.0, max_tokens=request["max_tokens"], seed=seed) for _, seed in turn]
        outputs = model.generate(prompts, params, use_tqdm=False)
        seconds = time.perf_counter() - began
        prints(replies, {"tokens": sum(len(output.outputs[0].token_ids) for output in outputs), "seconds": seconds})


def prints(replies: object, value: object) -> None:
    """Write a value as one line of JSON, and flush it."""
    print(json.dumps(value), file=replies, flush=True)  # type: ignore[call-overload]


if __name__ == "__main__":
    main()
