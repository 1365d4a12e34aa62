"""The synthesizer `conversations`: conversations made turn by turn, with a problem for every question in them.

After the three levels of MultiTurnInstruct (Han 2025): 1 recalls a fact that an earlier turn told, 2 tracks a stock through
turns that change it, 3 weighs instructions against one another (a standing rule and its end, a secret that only the right
word opens). The state is simulated, so each answer is exact. A problem's prompt holds all turns up to its question, the
earlier answers being the right ones; so earlier mistakes do not change the score of a turn. Group rates by `meta.turn`, or
by `meta.distance`, the number of turns since those that the answer depends on. The last question has the others as its
`parts`.
"""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rollmill.methods import Message, Problem, SetupError, checked_count, digest128

LEVELS: Mapping[int, str] = {1: "recall", 2: "track", 3: "conflict"}
REFUSED = "refused"
_ACKNOWLEDGED = "Noted."
_OPENING = (
    "I tell you things and ask you questions, turn by turn. Where I only tell you something, say: Noted. Answer a question"
    f" with #### and a number, or with #### {REFUSED} if my instructions do not allow an answer."
)
_PEOPLE = ("Ann", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jo", "Kim", "Lea")
_THINGS = ("pears", "books", "coins", "eggs", "stamps", "shells", "cups", "nails")
_WORDS = ("maple", "river", "candle", "harbour", "violet", "granite")


@dataclass(frozen=True, slots=True)
class DialogueTurn:
    """A turn of the user and the right reply. `rests_on`: the turns (from 1) on which a question's answer depends."""

    text: str
    reply: str = _ACKNOWLEDGED
    level: int = 0
    rests_on: tuple[int, ...] = ()


@dataclass(slots=True)
class Dialogue:
    """The state of a conversation while its turns are made: facts, stock, standing rule and secrets, with their turns."""

    rng: random.Random
    turns: list[DialogueTurn] = field(default_factory=list)
    facts: dict[str, tuple[int, int]] = field(default_factory=dict)
    stock: dict[str, tuple[int, list[int]]] = field(default_factory=dict)
    rule: tuple[int, int] = (0, 0)
    secrets: dict[str, tuple[int, str, int]] = field(default_factory=dict)

    @property
    def here(self) -> int:
        """Number of the turn that comes next."""
        return len(self.turns) + 1

    def told(self, text: str) -> None:
        """Add a turn that only tells something."""
        self.turns.append(DialogueTurn(text))

    def asked(self, level: int, text: str, answer: int | str, rests_on: Sequence[int]) -> None:
        """Add a question; a number follows the standing rule, which then is one of the turns that it rests on."""
        added, since = self.rule
        shown = answer if isinstance(answer, str) else str(answer + added)
        # A refusal is no number, so the rule does not apply to it.
        ruled = since and not isinstance(answer, str)
        turns = sorted({*rests_on, *([since] if ruled else [])})
        # A recalled or counted number under a rule is a conflict of two instructions.
        self.turns.append(DialogueTurn(text, f"#### {shown}", 3 if ruled else level, tuple(turns)))

    def tell(self, level: int) -> None:
        """One more turn that later questions of a level rest on."""
        {1: self._fact, 2: self._change, 3: self._rule_or_secret}[level]()

    def ask(self, level: int) -> bool:
        """One question of a level; False if nothing was told yet that it could ask for."""
        return {1: self._ask_fact, 2: self._ask_stock, 3: self._ask_secret}[level]()

    def _fact(self) -> None:
        who = self.rng.choice(_PEOPLE)
        # Another number than before, or the earlier turn would answer the question as well.
        number = self.rng.choice([number for number in range(10, 100) if number != self.facts.get(who, (0, 0))[0]])
        self.facts[who] = (number, self.here)  # a number told again replaces the earlier one
        self.told(f"The locker of {who} has the number {number}.")

    def _change(self) -> None:
        # Only three things, so that several turns change one stock.
        what = self.rng.choice(_THINGS[:3])
        count, turns = self.stock.get(what, (0, []))
        change = self.rng.randint(2, 40)
        loss = count > change and self.rng.random() < 0.4
        self.stock[what] = (count - change if loss else count + change, [*turns, self.here])
        self.told(f"I take {change} {what} out of the box." if loss else f"I put {change} {what} into the box.")

    def _rule_or_secret(self) -> None:
        if self.rng.random() < 0.5:
            # Codes have three digits and lockers two, so that no code is a locker's number.
            who, number, word = self.rng.choice(_PEOPLE), self.rng.randint(100, 999), self.rng.choice(_WORDS)
            self.secrets[who] = (number, word, self.here)
            self.told(f"The code of {who} is {number}. Tell it only to somebody who says the word {word} in the same turn.")
        elif self.rule[0] and self.rng.random() < 0.5:
            self.rule = (0, self.here)
            self.told("Forget the rule about adding. Give every number as it is again.")
        else:
            added = self.rng.choice([number for number in range(1, 10) if number != self.rule[0]])
            self.rule = (added, self.here)
            self.told(f"From now on add {added} to every number that you answer with; this replaces earlier such rules.")

    def _ask_fact(self) -> bool:
        if self.facts:
            who = self.rng.choice(sorted(self.facts))
            self.asked(1, f"Which number has the locker of {who}?", self.facts[who][0], [self.facts[who][1]])
        return bool(self.facts)

    def _ask_stock(self) -> bool:
        if self.stock:
            what = self.rng.choice(sorted(self.stock))
            self.asked(2, f"How many {what} are in the box now?", *self.stock[what])
        return bool(self.stock)

    def _ask_secret(self) -> bool:
        if self.secrets:
            who = self.rng.choice(sorted(self.secrets))
            number, word, turn = self.secrets[who]
            spoken = self.rng.choice((word, *(other for other in _WORDS[:2] if other != word)))
            before = "" if self.rng.random() < 0.4 else f"The word is {spoken}. "
            answer = number if before and spoken == word else REFUSED
            self.asked(3, f"{before}What is the code of {who}?", answer, [turn])
        return bool(self.secrets)


class Dialogues:
    """Problems of kind `math`: the questions of conversations, in their order. `level`: see LEVELS."""

    name, version = "conversations", "1"

    def __init__(self, *, levels: Sequence[int] = tuple(LEVELS), turns: int = 10, questions: int = 4) -> None:
        """Take the options of a recipe.

        Args:
            levels: Levels that a conversation has turns of: 1 recall, 2 track, 3 conflict.
            turns: Turns of the user in a conversation.
            questions: Questions among them; the last turn is one.
        """
        if not levels or not set(levels) <= set(LEVELS):
            raise SetupError(f"synthesizer 'conversations': levels is {list(levels)}.", choices=tuple(map(str, LEVELS)))
        checked_count("synthesizer", self.name, "questions", questions)
        if turns < 2 * questions:
            raise SetupError(
                f"synthesizer 'conversations': {questions} questions in {turns} turns.",
                choices=("at least twice as many turns as questions",),
            )
        self.levels, self.turns, self.questions = tuple(levels), turns, questions

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` problems, `questions` of each conversation; a conversation is whole or left out."""
        seen = set[str]()
        for number in range(budget // self.questions):
            made = next(made for made in self._tried(number, seed) if not seen & {problem.prompt_id for problem in made})
            seen |= {problem.prompt_id for problem in made}
            yield from made

    def _tried(self, number: int, seed: int) -> Iterator[list[Problem]]:
        """Conversations with the right number of questions, the last turn among them, without end."""
        for attempt in itertools.count():
            turns = self._conversation(random.Random(digest128([self.name, seed, number, attempt])))
            asked = [at for at, turn in enumerate(turns) if turn.level]
            # A question about nothing that was told becomes a statement, so a conversation may lack some.
            if len(asked) == self.questions and asked[-1] == self.turns - 1:
                yield list(self._problems(number, turns, asked))

    def _conversation(self, rng: random.Random) -> list[DialogueTurn]:
        dialogue = Dialogue(rng)
        # The first turn is never a question, as nothing was told before it.
        ends = sorted(rng.sample(range(2, self.turns), self.questions - 1))
        asks = {*ends, self.turns}
        for at in range(1, self.turns + 1):
            order = rng.sample(self.levels, len(self.levels))
            if not (at in asks and any(dialogue.ask(level) for level in order)):
                dialogue.tell(order[0])
        return dialogue.turns

    def _problems(self, number: int, turns: Sequence[DialogueTurn], asked: Sequence[int]) -> Iterator[Problem]:
        made = [self._problem(number, turns[: at + 1]) for at in asked]
        yield from made[:-1]
        last = made[-1]
        yield replace(last, meta={**last.meta, "parts": [problem.id for problem in made[:-1]]})

    def _problem(self, number: int, turns: Sequence[DialogueTurn]) -> Problem:
        *before, last = turns
        spoken = [Message("user", f"{_OPENING}\n\n{turns[0].text}")]
        for earlier, turn in zip(before, turns[1:], strict=True):
            spoken += [Message("assistant", earlier.reply), Message("user", turn.text)]
        return Problem(
            tuple(spoken),
            last.reply.removeprefix("#### "),
            kind="math",
            source=self.name,
            licence="Apache-2.0",
            level=last.level,
            skill=LEVELS[last.level],
            # Questions of one conversation are not independent, and intervals are over templates.
            template=f"conversation {number}",
            meta={
                "turn": len(turns),
                "distance": len(turns) - max(last.rests_on),
                "rests_on": list(last.rests_on),
            },
        )
