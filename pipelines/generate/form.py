"""The form of a prompt: the words around a problem that ask for it in one way or another ("Answer with the number only.").

A form is text with `{prompt}` where the problem's own text goes; in a conversation it is put around the last thing that
the user said. Braces elsewhere in the form or in the problem mean themselves. Knows no problem, model or template.
"""

from dataclasses import replace

from storage.errors import SetupError
from storage.records import Prompt

PLACE = "{prompt}"


def check_form(form: str) -> None:
    """SetupError where a form has no place for the problem."""
    if PLACE not in form:
        raise SetupError(
            f"the form {form!r} has no {PLACE}, so every problem would be the same prompt.",
            next_command='form: "Answer with the number only.\\n{prompt}"',
        )


def formed(prompt: Prompt, form: str) -> Prompt:
    """The prompt in this form."""
    if form == PLACE:
        return prompt
    if isinstance(prompt, str):
        return form.replace(PLACE, prompt)
    asked = max((index for index, message in enumerate(prompt) if message.role == "user"), default=None)
    if asked is None:
        raise SetupError("a conversation without a user's message cannot be put into a form.")
    said = replace(prompt[asked], content=form.replace(PLACE, prompt[asked].content))
    return (*prompt[:asked], said, *prompt[asked + 1 :])
