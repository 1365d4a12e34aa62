"""A problem's prompt to what a model is asked: the recipe's words around it, the messages of a conversation, plain text.

A prompt template is text with `{prompt}` where the problem's own text goes; in a conversation it is put around the last
thing that the user said. Braces elsewhere, in the template or in the problem, mean themselves.
"""

from collections.abc import Sequence
from dataclasses import replace

from storage.errors import SetupError
from storage.records import Message, Prompt

PLACE = "{prompt}"
Example = tuple[str, str]
"""A worked example: a question and its answer."""


def check_template(template: str) -> None:
    """SetupError where a template has no place for the problem."""
    if PLACE not in template:
        raise SetupError(
            f"the prompt_template {template!r} has no {PLACE}, so every problem would be the same prompt.",
            next_command='prompt_template: "Answer with the number only.\\n{prompt}"',
        )


def fill_template(prompt: Prompt, template: str) -> Prompt:
    """The prompt in this template."""
    if template == PLACE:
        return prompt
    if isinstance(prompt, str):
        return template.replace(PLACE, prompt)
    last = max((index for index, message in enumerate(prompt) if message.role == "user"), default=None)
    if last is None:
        raise SetupError("a conversation without a user's message cannot be put into a prompt_template.")
    turn = replace(prompt[last], content=template.replace(PLACE, prompt[last].content))
    return (*prompt[:last], turn, *prompt[last + 1 :])


def asked(prompt: Prompt, template: str, examples: Sequence[Example] = ()) -> Prompt:
    """The prompt in this template, after worked examples in the same: turns of a user and a model, behind system messages.

    Models without turns get the texts one after another (`plain_text`).
    """
    question = fill_template(prompt, template)
    if not examples:
        return question
    turns = (Message("user", question),) if isinstance(question, str) else question
    first = next((place for place, message in enumerate(turns) if message.role != "system"), len(turns))
    shown = [(Message("user", template.replace(PLACE, text)), Message("assistant", answer)) for text, answer in examples]
    return (*turns[:first], *(message for pair in shown for message in pair), *turns[first:])


def messages_of(prompt: Prompt, system: str | None) -> list[dict[str, str]]:
    """The messages that a chat template is given, after the recipe's system message."""
    messages = [] if system is None else [{"role": "system", "content": system}]
    for message in (Message("user", prompt),) if isinstance(prompt, str) else prompt:
        role = "tool" if message.kind == "tool_result" else message.role
        named = {} if message.name is None else {"name": message.name}
        messages.append({"role": role, "content": message.content, **named})
    return messages


def plain_text(prompt: Prompt) -> str:
    """The text of a prompt without roles, for models that have none."""
    return prompt if isinstance(prompt, str) else "\n\n".join(message.content for message in prompt)
