"""A template around a prompt: text with `{prompt}` where the problem's own text goes.

In a conversation it is put around the last thing that the user said. Braces elsewhere, in the template or in the problem,
mean themselves.
"""

from dataclasses import replace

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Prompt

PLACE = "{prompt}"
BETWEEN = "\n\n"
"""Stands between turns of a conversation that a model without turns is shown."""


def check_template(template: str) -> None:
    """SetupError if a template has no place for the problem."""
    if PLACE not in template:
        raise SetupError(
            f"the prompt_template {template!r} has no {PLACE}, so every problem would be the same prompt.",
            next_command='prompt_template: "Answer with the number only.\\n{prompt}"',
        )


def fill_template(prompt: Prompt, template: str) -> Prompt:
    """The prompt in this template."""
    # A conversation without a user's message is refused only where something has to go around it.
    if template == PLACE:
        return prompt
    if isinstance(prompt, str):
        # Not str.format, which fails on the braces of LaTeX.
        return template.replace(PLACE, prompt)
    last = max((index for index, message in enumerate(prompt) if message.role == "user"), default=None)
    if last is None:
        raise SetupError("a conversation without a user's message cannot be put into a prompt_template.")
    turn = replace(prompt[last], content=template.replace(PLACE, prompt[last].content))
    return (*prompt[:last], turn, *prompt[last + 1 :])


def plain_text(prompt: Prompt) -> str:
    """The text of a prompt without roles, for models that have none."""
    return prompt if isinstance(prompt, str) else BETWEEN.join(message.content for message in prompt)
