"""The engine `reward_model`: a server that rates texts, one or several; a scorer asks it, and no rollout is drawn from it.

Its completions hold numbers: one, or a list with one for each step. Everything else, from retries to replicas, spools and
spend limits, is that of engine `openai`. Three forms are spoken:

- `score`: vLLM's `/score` (cross-encoders and reward models): `text_1` is the problem, `text_2` the answer.
- `classify`: vLLM's `/classify`: the conversation, or a text made of it; the number is the probability of a label.
- `json`: `{"model", "prompt", "completion", "messages"}` to any path; the reply has the number under a key.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.records import Prompt, Request, Sampling
from rollmill.pipelines.generate.http.client import LEAST_REPLY
from rollmill.pipelines.generate.http.failures import MOST_HEARD, Failure
from rollmill.pipelines.generate.http.http_settings import HttpSettings
from rollmill.pipelines.generate.http.reply import ServerAnswer, read_counts
from rollmill.pipelines.generate.openai import OpenAI
from rollmill.pipelines.generate.prompts import messages_of
from rollmill.pipelines.rating_options import RatingRequest, values_of

ENGINE = "reward_model"
MOST_SCORE = sys.float_info.max
PATHS = {"score": "score", "classify": "../classify", "json": "score"}
PLACE = re.compile(r"\{(problem|answer)\}")
OURS = frozenset({"model", "text_1", "text_2", "input", "messages", "prompt", "completion"})


@dataclass(kw_only=True)
class RewardWire(RatingRequest):
    """Request format of a rating server. A prompt is the conversation with the answer to be rated as its last turn."""

    engine: str = ENGINE

    def __post_init__(self) -> None:
        if self.api not in PATHS:
            raise unknown_name("api of a reward model", str(self.api), PATHS)
        if self.template and not ("{problem}" in self.template and "{answer}" in self.template):
            raise SetupError(f"the template {self.template!r} has not both places.", choices=("{problem} and {answer}",))
        self.extra, self.path = dict(self.extra or {}), self.path or PATHS[self.api]
        taken = sorted(OURS & self.extra.keys())
        if taken:
            raise SetupError(f"extra names {taken[0]!r}, which has a place of its own.")

    def digest(self) -> str:
        """The identity of requests beyond the texts: everything known about a remote model."""
        parts = [self.model, self.revision, self.api, self.path, self.label, self.template, self.key, self.extra]
        return digest128([ENGINE, *parts])

    def render(self, prompt: Prompt) -> str:
        """The conversation as JSON."""
        return json.dumps(messages_of(prompt, None), separators=(",", ":"))

    def fixed(self, sampling: Sampling) -> bytes:  # noqa: ARG002 (nothing is sampled)
        """The part of a body that all requests share, without its closing brace."""
        return json.dumps({"model": self.model, **(self.extra or {})}, separators=(",", ":"))[:-1].encode("ascii")

    def body(self, request: Request, fixed: bytes) -> bytes:
        """The whole body of a request."""
        messages = json.loads(request.rendered)
        problem, answer = "\n\n".join(turn["content"] for turn in messages[:-1]), messages[-1]["content"]
        if self.api == "score":
            own: dict[str, Any] = {"text_1": problem, "text_2": answer}
        elif self.api == "classify":
            texts = {"problem": problem, "answer": answer}
            own = (
                # In one pass: a problem that itself holds `{answer}` is not filled a second time.
                {"input": PLACE.sub(lambda place: texts[place[1]], self.template)}
                if self.template
                else {"messages": messages}
            )
        else:
            own = {"prompt": problem, "completion": answer, "messages": messages}
        return b"%s,%s" % (fixed, json.dumps(own, separators=(",", ":"))[1:].encode("ascii"))

    def most(self, body: bytes, sampling: Sampling) -> int:  # noqa: ARG002 (nothing is sampled)
        """Room for a number for each piece of the text, and for an echo of it."""
        return LEAST_REPLY + 16 * len(body)

    def read(self, reply: Mapping[str, Any], request: Request) -> ServerAnswer:  # noqa: ARG002 (whatever was asked)
        """The number, or the list of numbers, as JSON text; Failure if there is none."""
        value = _inside(reply, self.key) if self.api == "json" else self._of_first(reply)
        numbers = value if isinstance(value, list) and value else [value]
        # Compared, and not given to isfinite: an integer of 400 digits is no float.
        if not all(type(number) in (int, float) and -MOST_SCORE <= number <= MOST_SCORE for number in numbers):
            raise Failure("no_score", f"no finite number where one belongs: {str(value)[:MOST_HEARD]!r}")
        answer = ServerAnswer(json.dumps(value), "stop")
        read_counts(answer, reply, 1)
        answer.tokens_out = 0 if answer.tokens_in is not None else None
        return answer

    def _of_first(self, data: Mapping[str, Any]) -> Any:
        """The score of the only item, or the probability of the label: by number, by name, else of the last class."""
        listed = data.get("data")
        item = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
        if self.api == "score":
            return item.get("score")
        chances = item.get("probs")
        if not isinstance(chances, list) or not chances:
            return None
        if isinstance(self.label, str):
            if item.get("label") == self.label:
                return max(chances)
            # The reply names only its likeliest class: of two the other's probability follows, of more it does not.
            return 1.0 - max(chances) if len(chances) == 2 else None
        at = len(chances) - 1 if self.label is None else self.label
        return chances[at] if 0 <= at < len(chances) else None


def _inside(data: Any, key: str) -> Any:
    for part in key.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data


@dataclass(kw_only=True, eq=False)
class RewardModel(RatingRequest, OpenAI):
    """An engine whose completions are numbers. Every option but `http` is the scorer's."""

    engine = ENGINE
    http: HttpSettings | None = None

    def __post_init__(self) -> None:
        self._speak(RewardWire(**values_of(self)), self.http)
