"""A model of transformers behind OpenAI's interface, on the GPU where there is one; knows nothing of ours.

    python transformers_server.py MODEL PORT NAME     # a server on loopback; SERVER_API_KEY is what it asks for
    python transformers_server.py MODEL --bare        # each line: [{"messages", "seed", "max_tokens"}, ...]; says tokens

Requests that wait are drawn together, MOST at a time. Each row is drawn by its own numbers, which follow from its seed, so
neighbours change a text by rounding alone. Sampling is temperature and seed; what else a request asks for is refused.
"""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

import torch  # noqa: TID253 - a program of its own
from aiohttp import web
from transformers import AutoModelForCausalLM, AutoTokenizer

MOST = 256
KNOWN = {"model", "messages", "prompt", "max_tokens", "max_completion_tokens", "temperature", "seed"}
PLAIN: dict[str, tuple[Any, ...]] = {"top_p": (1, None), "n": (1, None), "stream": (False, None)}  # as if not asked for


@dataclass
class Draw:
    """A request. `finish`: stop or length, once it is drawn."""

    prompt: str
    seed: int
    max_tokens: int
    temperature: float = 1.0
    text: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    finish: str = ""


class Model:
    """The weights and the tokenizer, on `device`."""

    def __init__(self, folder: str) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.bfloat16 if os.environ.get("SERVER_DTYPE") == "bfloat16" else torch.float32
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval().to(self.device)
        print(f"device: {self.device}", file=sys.stderr, flush=True)

    def rendered(self, messages: list[dict[str, str]]) -> str:
        """The prompt of a conversation, by the model's own template."""
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def draw(self, draws: list[Draw]) -> None:
        """Fill in what these requests get."""
        given = self.tokenizer([draw.prompt for draw in draws], return_tensors="pt", padding=True, add_special_tokens=False)
        tokens, mask = given["input_ids"].to(self.device), given["attention_mask"].to(self.device)
        most = max(draw.max_tokens for draw in draws)
        numbers = torch.stack([_numbers(draw.seed, most) for draw in draws]).to(self.device)
        heat = torch.tensor([max(draw.temperature, 1e-6) for draw in draws], device=self.device)[:, None]
        limits = torch.tensor([draw.max_tokens for draw in draws], device=self.device)
        end, rows, past, step = self.tokenizer.eos_token_id, [], None, tokens
        open_rows = torch.ones(len(draws), dtype=torch.bool, device=self.device)
        for at in range(most):
            position = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -step.shape[1] :]
            output = self.model(
                input_ids=step, attention_mask=mask, position_ids=position, past_key_values=past, use_cache=True
            )
            past, chances = output.past_key_values, torch.softmax(output.logits[:, -1].float() / heat, dim=-1)
            # The number falls into one token's part of [0, 1): the same token whatever the neighbours are.
            chosen = (chances.cumsum(dim=-1) < numbers[:, at : at + 1]).sum(dim=-1).clamp(max=chances.shape[-1] - 1)
            step = torch.where(open_rows, chosen, torch.full_like(chosen, end))[:, None]
            rows.append(step)
            mask = torch.cat([mask, torch.ones_like(step)], dim=1)
            open_rows &= (chosen != end) & (at + 1 < limits)
            if not bool(open_rows.any()):
                break
        self._fill_in(draws, torch.cat(rows, dim=1).cpu(), given["attention_mask"].sum(dim=1))

    def _fill_in(self, draws: list[Draw], texts: torch.Tensor, lengths: torch.Tensor) -> None:
        end = self.tokenizer.eos_token_id
        for one, row, length in zip(draws, texts.tolist(), lengths.tolist(), strict=True):
            drawn = row[: one.max_tokens]
            stopped = end in drawn
            kept = drawn[: drawn.index(end)] if stopped else drawn
            one.text, one.tokens_in = self.tokenizer.decode(kept, skip_special_tokens=True), length
            one.tokens_out, one.finish = len(kept) + stopped, "stop" if stopped else "length"


def _numbers(seed: int, count: int) -> torch.Tensor:
    """Uniform numbers of a row, drawn on the CPU so that every device has the same."""
    return torch.rand(count, generator=torch.Generator().manual_seed(seed % (1 << 63)))


class Server:
    """Server that draws waiting requests together, one batch at a time."""

    def __init__(self, model: Model, name: str) -> None:
        self.model, self.name = model, name
        self.waiting: asyncio.Queue[tuple[Draw, asyncio.Future[None]]] = asyncio.Queue()

    async def work(self) -> None:
        """Draw for ever."""
        while True:
            batch = [await self.waiting.get()]
            while len(batch) < MOST and not self.waiting.empty():
                batch.append(self.waiting.get_nowait())
            await asyncio.to_thread(self.model.draw, [draw for draw, _ in batch])
            for _, done in batch:
                if not done.done():
                    done.set_result(None)

    async def answer(self, request: web.Request) -> web.Response:
        """/v1/chat/completions and /v1/completions."""
        if request.headers.get("Authorization", "") != f"Bearer {os.environ.get('SERVER_API_KEY', '')}":
            return web.json_response({"error": {"message": "wrong key"}}, status=401)
        body: dict[str, Any] = await request.json()
        unknown = [name for name, value in body.items() if name not in KNOWN and value not in PLAIN.get(name, (None,))]
        if unknown:
            return web.json_response({"error": {"message": f"not served: {', '.join(unknown)}"}}, status=400)
        chat = "messages" in body
        draw = Draw(
            self.model.rendered(body["messages"]) if chat else str(body["prompt"]),
            int(body.get("seed") or 0),
            int(body.get("max_tokens") or body.get("max_completion_tokens") or 128),
            float(1.0 if body.get("temperature") is None else body["temperature"]),
        )
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self.waiting.put((draw, done))
        await done
        part = {"message": {"role": "assistant", "content": draw.text}} if chat else {"text": draw.text}
        usage = {"prompt_tokens": draw.tokens_in, "completion_tokens": draw.tokens_out}
        choice = {"index": 0, "finish_reason": draw.finish, **part}
        return web.json_response({"model": self.name, "choices": [choice], "usage": usage})

    async def health(self, _: web.Request) -> web.Response:
        """Health of the server, and its device."""
        return web.json_response({"device": self.model.device})

    async def models(self, _: web.Request) -> web.Response:
        """List of the single model."""
        return web.json_response({"object": "list", "data": [{"id": self.name, "object": "model"}]})

    async def serve(self, port: int) -> None:
        """Until the process ends."""
        app = web.Application()
        app.router.add_get("/health", self.health)
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/v1/chat/completions", self.answer)
        app.router.add_post("/v1/completions", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await self.work()


def bare(model: Model) -> None:
    """Each line's prompts, MOST at a time, without a server in between."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps({"device": model.device}), file=replies, flush=True)
    for line in sys.stdin:
        draws = [Draw(model.rendered(row.pop("messages")), **row) for row in json.loads(line)]
        for start in range(0, len(draws), MOST):
            model.draw(draws[start : start + MOST])
        print(json.dumps({"tokens": sum(draw.tokens_out for draw in draws)}), file=replies, flush=True)


if __name__ == "__main__":
    if sys.argv[2] == "--bare":
        bare(Model(sys.argv[1]))
    else:
        asyncio.run(Server(Model(sys.argv[1]), sys.argv[3]).serve(int(sys.argv[2])))
