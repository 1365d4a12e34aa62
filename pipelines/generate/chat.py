"""The chat form of the embedded model: how a prompt becomes the text that the model sees.

Knows the role markers, nothing of tokenizers or models. `TEMPLATE` says the same in Jinja for other programs that load the
model folder.
"""

from storage.records import Message, Prompt

END = "<|end|>"
MARKERS = {"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>"}

TEMPLATE = (
    "{% for message in messages %}"
    "{% set role = message['role'] if message['role'] in ['system', 'assistant'] else 'user' %}"
    "{{ '<|' + role + '|>' + message['content'].replace('<|', '< |') }}"
    "{% if role == 'assistant' %}{{ '<|end|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def render_chat(prompt: Prompt) -> str:
    """The model's view of a prompt: marked turns, then the marker that opens its answer."""
    turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    return "".join(map(_turn, turns)) + MARKERS["assistant"]


def _turn(message: Message) -> str:
    """One turn; a role the model never saw speaks as the user, and markers inside a text lose their power."""
    role = message.role if message.role in ("system", "assistant") else "user"
    return MARKERS[role] + message.content.replace("<|", "< |") + (END if role == "assistant" else "")
