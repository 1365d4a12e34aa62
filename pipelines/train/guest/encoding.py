"""Rows as tokens for a model folder of Hugging Face: by its chat template, which is compared with what engines send."""

from collections.abc import Sequence
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Message, Prompt
from rollmill.pipelines.generate.embedded.model_files import END
from rollmill.pipelines.generate.prompts import split_prefix
from rollmill.pipelines.train.rows import Encode, Encoded, encoding

COMPARED = 20  # rows whose tokens are compared


def encode_for(tokenizer: Any) -> Encode:
    """The encoding for a transformers tokenizer: Rollmill's chat form if it has its tokens, else its chat template, else
    the plain texts with the end token.
    """
    if tokenizer.convert_tokens_to_ids(END) not in (None, tokenizer.unk_token_id):
        return encoding(tokenizer.backend_tokenizer)
    if tokenizer.eos_token is None:
        raise SetupError(
            "the initial model's tokenizer names no end token.", next_command="set eos_token in tokenizer_config.json"
        )
    return _Templated(tokenizer) if tokenizer.chat_template else _Plain(tokenizer)


class _Templated:
    """The folder's chat template, as a server would render it."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __call__(self, prompt: Prompt, answer: str, wrong: Sequence[Sequence[int]]) -> Encoded:
        question, begun = split_prefix(prompt)
        asked = self._rendered(turns_of(question), begin_answer=True) + begun
        answered_turn = {"role": "assistant", "content": begun + answer}
        whole = self._rendered([*turns_of(question), answered_turn], begin_answer=False)
        if not whole.startswith(asked):
            raise SetupError(
                "the chat template renders a prompt otherwise before an answer than alone.",
                next_command="an initial model whose template renders both alike, as engines send the prompt alone",
            )
        answered = _Plain.parts(self.tokenizer, asked, whole[len(asked) :], answer, wrong)
        if self.tokenizer.eos_token_id not in [answered[0][at] for at in answered[1]]:
            raise SetupError(
                f"the chat template leaves the end token {self.tokenizer.eos_token} out of an answer: no text would end.",
                next_command="an initial model whose template ends an answer with its end token",
            )
        return answered

    def _rendered(self, turns: Sequence[Any], *, begin_answer: bool) -> str:
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=begin_answer))


class _Plain:
    """Prompt and completion one after the other, for a model without a chat template."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __call__(self, prompt: Prompt, answer: str, wrong: Sequence[Sequence[int]]) -> Encoded:
        asked = prompt if isinstance(prompt, str) else "\n".join(str(turn.content) for turn in prompt)
        return self.parts(self.tokenizer, asked, answer + self.tokenizer.eos_token, answer, wrong)

    @staticmethod
    def parts(tokenizer: Any, asked: str, given: str, answer: str, wrong: Sequence[Sequence[int]]) -> Encoded:
        """Ids of both parts; the second is trained but for its wrong spans, which count characters of the answer."""
        first = tokenizer(asked, add_special_tokens=False)["input_ids"]
        then = tokenizer(given, add_special_tokens=False, return_offsets_mapping=True)
        shift = given.find(answer)
        if wrong and shift < 0:
            raise SetupError(
                "the chat template changes an answer that has wrong spans.", next_command="a format without them"
            )
        trained = [
            len(first) + at
            for at, (begin, end) in enumerate(then["offset_mapping"])
            if not any(begin - shift < stop and end - shift > start for start, stop in wrong)
        ]
        return [*first, *then["input_ids"]], trained


def turns_of(prompt: Prompt) -> list[dict[str, str]]:
    """A prompt as messages of a chat template."""
    turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    return [{"role": turn.role, "content": str(turn.content)} for turn in turns]


def check_template(tokenizer: Any, samples: Sequence[tuple[Prompt, str]]) -> None:
    """SetupError if a folder with the embedded engine's tokens has a chat template that gives other tokens than it."""
    if tokenizer.convert_tokens_to_ids(END) in (None, tokenizer.unk_token_id) or not tokenizer.chat_template:
        return
    for number, (prompt, answer) in enumerate(samples[:COMPARED], 1):
        if split_prefix(prompt)[1]:  # tokens of a begun answer and of its rest may be one in the whole
            continue
        ours, _ = encoding(tokenizer.backend_tokenizer)(prompt, answer, [])
        turns = [*turns_of(prompt), {"role": "assistant", "content": answer}]
        text = tokenizer.apply_chat_template(turns, tokenize=False)
        theirs = tokenizer(text, add_special_tokens=False)["input_ids"]
        if ours != list(theirs):
            at = next((place for place, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), -1)
            raise SetupError(
                f"row {number}: the folder's chat template gives other tokens than the embedded engine from place {at} on.",
                next_command="the chat_template of models/rollmill-tiny/tokenizer_config.json",
            )
