"""Special tokens of chat formats that servers leave in texts, by family of models. Stored texts keep them as they came.

A new family is one row of `FAMILIES`: what ends a turn of it, and what begins one. Text behind an end is no answer.
"""

import re
from collections.abc import Mapping

FAMILIES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ChatML: Qwen, Yi, Hermes, Kimi": (
        ("<|im_end|>", "<|endoftext|>"),
        ("<|im_start|>", "<|im_assistant|>", "<|im_middle|>"),
    ),
    "Llama 3": (
        ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
    ),
    "Llama 2, Mistral": (("</s>",), ("<s>", "[/INST]")),
    "Gemma": (("<end_of_turn>", "<eos>"), ("<bos>", "<start_of_turn>")),
    "Phi": (("<|end|>",), ("<|assistant|>",)),
    "DeepSeek": (("<｜end▁of▁sentence｜>",), ("<｜begin▁of▁sentence｜>", "<｜Assistant｜>")),
    "GLM": (("<|user|>", "<|observation|>"), ("[gMASK]", "<sop>")),
    "Command": (("<|END_OF_TURN_TOKEN|>",), ("<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>", "<BOS_TOKEN>")),
    "gpt-oss": (("<|return|>", "<|call|>"), ("<|start|>",)),
    "Granite": (("<|end_of_role|>",), ("<|start_of_role|>",)),
}
THOUGHTS = (("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷"))
"""Marks around a thought. One without the other is left where a server's parser or a length limit cut it off."""

_ENDS, _BEGINS = ("|".join(re.escape(token) for pair in FAMILIES.values() for token in pair[side]) for side in (0, 1))
PATTERN = rf"{_ENDS}|^\s*(?:{_BEGINS})"
STRAY = " OR ".join(f"(contains(text, '{begin}') <> contains(text, '{end}'))" for begin, end in THOUGHTS)
"""SQL: a text with one mark of a thought and not the other."""
_END = re.compile(_ENDS)
_BEGINNING = re.compile(rf"\s*(?:(?:{_BEGINS})\s*(?:(?:assistant|model)\b\s*)?)+")
_MARKS = (
    *("<|", "</s>", "<s>", "<｜", "of_turn>", "<eos>", "<bos>", "INST]", "gMASK", "<sop>", "BOS_TOKEN"),
    *(mark for pair in THOUGHTS for mark in pair),
)
"""Parts of them, which are looked for first."""


def without_special_tokens(text: str) -> str:
    """The text up to the first end of its turn, without the tokens before it and without single marks of a thought."""
    # Most texts have none of them, and finding that out must cost next to nothing.
    if not any(mark in text for mark in _MARKS):
        return text
    if begun := _BEGINNING.match(text):
        text = text[begun.end() :]
    for end in _END.finditer(text):
        if end[0] != "</s>" or "<s>" not in text[: end.start()]:  # else they are HTML's
            text = text[: end.start()].rstrip()
            break
    for begin, end_mark in THOUGHTS:
        if (begin in text) != (end_mark in text):
            text = text.replace(begin, "").replace(end_mark, "").strip()
    return text
