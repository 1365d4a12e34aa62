"""Full prompt of a problem: the recipe's words around it, worked examples before it, a system message.

A prompt template is text with `{prompt}` where the problem's own text goes; in a conversation it is put around the last
thing that the user said. Braces elsewhere, in the template or in the problem, mean themselves.
"""

from dataclasses import dataclass
from typing import Any

from rollmill.ground.formats.chat_turns import chat_turns
from rollmill.ground.formats.prompt_template import BETWEEN, PLACE, fill_template, plain_text
from rollmill.ground.records import Message, Problem, Prompt
from rollmill.pipelines.generate.example_choice import Example, ExampleChoice


@dataclass(frozen=True, slots=True)
class PromptForm:
    """Form of prompts: problems in this template, behind a system message and worked examples in the same template.

    The parts are turns of a conversation, or with `one_text` a single text for a model without turns, in which an example's
    answer follows its question. `choice`: the examples of each problem among `examples`; None shows all.
    """

    template: str = PLACE
    system: str | None = None
    examples: tuple[Example, ...] = ()
    one_text: bool = False
    choice: ExampleChoice | None = None

    def prompt_for(self, problem: Problem) -> Prompt:
        """Prompt of a problem."""
        return self.around(fill_template(problem.prompt, self.template), problem)

    def around(self, question: Prompt, problem: Problem) -> Prompt:
        """A question about a problem behind the system message and the worked examples."""
        shown = [(self.template.replace(PLACE, example.question), example.answer) for example in self.shown_before(problem)]
        if self.one_text:
            # Without a space the answer would run into the last word of the question.
            pairs = [text + ("" if not text or text[-1].isspace() else " ") + answer for text, answer in shown]
            return BETWEEN.join([*([] if self.system is None else [self.system]), *pairs, plain_text(question)])
        if not shown and self.system is None:
            return question
        turns = (Message("user", question),) if isinstance(question, str) else question
        first = next((place for place, message in enumerate(turns) if message.role != "system"), len(turns))
        pairs_of_turns = (turn for text, answer in shown for turn in (Message("user", text), Message("assistant", answer)))
        return (*self._system_turns(turns[:first]), *pairs_of_turns, *turns[first:])

    def shown_before(self, problem: Problem) -> list[Example]:
        """The worked examples of a problem."""
        able = [example for example in self.examples if example.skill in (None, problem.skill)]
        return able if self.choice is None else self.choice.of(plain_text(problem.prompt), able)

    def _system_turns(self, own: tuple[Message, ...]) -> tuple[Message, ...]:
        """Merge both system messages into one, as many chat templates allow no second: ours, then the problem's."""
        if self.system is None:
            return own
        return (Message("system", BETWEEN.join([self.system, *(message.content for message in own)])),)


def continued(prompt: Prompt, prefix: str) -> Prompt:
    """The prompt with the beginning of its answer, which the model continues."""
    turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    return (*turns, Message("assistant", prefix, kind="prefix"))


def split_prefix(prompt: Prompt) -> tuple[Prompt, str]:
    """The prompt and the beginning of its answer; "" if the answer has no given beginning."""
    if isinstance(prompt, str) or not prompt or prompt[-1].kind != "prefix":
        return prompt, ""
    turns = prompt[:-1]
    # The inverse of `continued`, which makes a plain text a turn.
    plain = len(turns) == 1 and turns[0] == Message("user", turns[0].content)
    return turns[0].content if plain else turns, prompt[-1].content


def messages_of(prompt: Prompt, system: str | None) -> list[dict[str, Any]]:
    """The messages that a chat template is given, after the recipe's system message; `prefix` marks a begun answer."""
    asked = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    turns = chat_turns(asked)
    if asked and asked[-1].kind == "prefix":
        turns[-1]["prefix"] = True
    return turns if system is None else [{"role": "system", "content": system}, *turns]
