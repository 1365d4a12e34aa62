"""The shipped model behind OpenAI's interface, for other tools to evaluate: model_server.py prints its port.

Answers are drawn at the temperature that is asked for and spelled in several ways (`1,208`, `$1208`, `\\boxed{1208}`), as
larger models spell them; which way is a hash of the answer and its number. The same prompts give the same set of texts.
"""

import json
import re
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rollmill.ground.ids import digest128, seed_of
from rollmill.ground.records import Completion, Request, Sampling
from rollmill.pipelines.generate.embedded.engine import Embedded

MODEL = "rollmill-tiny"
ANSWER = re.compile(r"#### (-?\d+)\s*$")
SPELLINGS = (
    "#### {0}",
    "#### {0}",
    "#### ${0:,}",
    "#### {0}.0",
    "#### {0:,}",
    "The answer is {0}.",
    "The answer is \\boxed{{{0}}}.",
    "#### {0} in all",
)


class Model:
    """Engine for all requests; a text's seed follows from its index among the texts of its prompt."""

    def __init__(self) -> None:
        self.engine = Embedded()
        self.asked: Counter[str] = Counter()
        self.turn = threading.Lock()

    def complete(self, prompt: str, body: dict[str, Any]) -> list[Completion]:
        """As many texts as the request asks for (`n`)."""
        temperature = body.get("temperature")
        sampling = Sampling(
            temperature=1.0 if temperature is None else float(temperature),
            max_tokens=int(body.get("max_tokens") or body.get("max_completion_tokens") or 128),
        )
        with self.turn:
            first = self.asked[prompt]
            self.asked[prompt] += int(body.get("n") or 1)
            rendered = self.engine.render(prompt)
            requests = [
                Request(str(at), "", prompt, rendered, sampling, seed_of(digest128([prompt, at])), "evaluate", at)
                for at in range(first, self.asked[prompt])
            ]
            return sorted(self.engine.generate(requests), key=lambda completion: completion.sample_index)


def spelled(text: str, number: int) -> str:
    """The text with its final answer in one of the spellings."""
    match = ANSWER.search(text)
    if match is None:
        return text
    way = SPELLINGS[seed_of(digest128([text, number])) % len(SPELLINGS)]
    return text[: match.start()] + way.format(int(match[1]))


class Handler(BaseHTTPRequestHandler):
    """Models, chat completions and plain completions."""

    protocol_version = "HTTP/1.1"
    model: Model

    def do_GET(self) -> None:
        """The list of models."""
        self.reply({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        """A reply with `n` choices."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        chat = "messages" in body
        content = body["messages"][-1]["content"] if chat else body["prompt"]
        if isinstance(content, list):  # parts of a turn, or the prompts of one request
            content = "".join(part["text"] if isinstance(part, dict) else str(part) for part in content)
        drawn = self.model.complete(content.removeprefix("Question: ").removesuffix("\nAnswer:"), body)
        choices = [self.choice(at, completion, chat=chat) for at, completion in enumerate(drawn)]
        into, out = (sum(getattr(completion, name) or 0 for completion in drawn) for name in ("tokens_in", "tokens_out"))
        usage = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
        kind = "chat.completion" if chat else "text_completion"
        self.reply({"id": "r", "object": kind, "created": 0, "model": MODEL, "choices": choices, "usage": usage})

    def choice(self, at: int, drawn: Completion, *, chat: bool) -> dict[str, Any]:
        """Choice of a reply, from a completion."""
        text = spelled(drawn.text, drawn.sample_index)
        part: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        return {"index": at, "finish_reason": drawn.finish_reason, "logprobs": None, **part}

    def reply(self, body: dict[str, Any]) -> None:
        """Send JSON."""
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the class above
        """Be quiet."""


def main() -> None:
    """Serve on loopback until killed."""
    Handler.model = Model()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
