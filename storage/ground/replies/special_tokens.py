"""Special tokens of chat formats that servers leave in texts, by family of models. Stored texts keep them as they came."""

import re
from collections.abc import Mapping

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "ChatML (Qwen, Yi, Hermes)": ("<|im_end|>", "<|im_start|>", "<|im_sep|>", "<|endoftext|>"),
    "Llama 3": (
        "<|eot_id|>",
        "<|eom_id|>",
        "<|end_of_text|>",
        "<|begin_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
    ),
    "Llama 2, Mistral": ("</s>", "<s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
    "Gemma": ("<end_of_turn>", "<start_of_turn>", "<eos>", "<bos>"),
    "Phi": ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>"),
    "DeepSeek": ("<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"),
    "GLM": ("<|observation|>", "[gMASK]", "<sop>"),
    "Command": ("<|END_OF_TURN_TOKEN|>", "<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>"),
    "gpt-oss": ("<|return|>", "<|call|>", "<|channel|>", "<|message|>", "<|start|>"),
    "Nemotron, Granite": ("<extra_id_0>", "<extra_id_1>", "<|end_of_role|>", "<|start_of_role|>"),
    "Kimi": ("<|im_middle|>", "<|im_assistant|>", "<|im_user|>"),
}
PATTERN = "|".join(re.escape(token) for family in FAMILIES.values() for token in family)
