"""The measure `explanations`: models that are told why an answer is right, in the prompt, in the answer, or not at all.

When Can Models Learn From Explanations? (Hase and Bansal 2021, arXiv:2102.02201): in a synthetic task whose rule is hidden
behind an index, explanations help as inputs, where the one of the same index can be retrieved. Here a rule names a place in
a list of digits, and the answer is the digit there.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from rollmill.methods import (
    Bench,
    Doubles,
    Estimate,
    Measured,
    ReadingModel,
    Rows,
    SetupError,
    checked_count,
    checked_positive,
    registry,
    two_way,
)

ARMS = ("none", "target", "retrieved", "unrelated")
DIGITS = 4  # in a list
INDICES = range(100, 1000)
ANSWER = re.compile(r"#### (\d)")
LONGEST = 24  # tokens of an answer


@dataclass(frozen=True, slots=True)
class HiddenRule:
    """A rule, and the place in the list that it takes, from 1."""

    index: int
    place: int

    @property
    def explanation(self) -> str:
        """The rule in words."""
        return f"{self.index} takes {self.place}."


class Explanations:
    """Effects `ARM - none` and `retrieved - unrelated` in accuracy on new lists of the rules that were trained on.

    Four arms. `none`, the digit alone is trained; `target`, the explanation precedes it in the answer; `retrieved`, the
    prompt has the explanation of a training row with the same index; `unrelated`, the prompt has the explanation of another
    rule.

    `rules`: number of hidden rules. `rows`: training rows of each rule. `texts`: number of new lists to test on. `epochs`:
    number of passes over the rows. `seeds`: trainings of each arm. `learning_rate`: highest learning rate, reached after
    the warm-up.
    """

    name, version = "explanations", "1"

    def __init__(
        self,
        rules: int = 300,
        rows: int = 6,
        texts: int = 300,
        epochs: int = 4,
        seeds: int = 3,
        learning_rate: float = 1e-3,
    ) -> None:
        for option, value in {"rows": rows, "texts": texts, "epochs": epochs, "seeds": seeds}.items():
            checked_count("measure", self.name, option, value)
        checked_count("measure", self.name, "rules", rules, least=2)
        if rules > len(INDICES):
            raise SetupError(f"measure 'explanations': rules is {rules}, and there are {len(INDICES)} indices.")
        checked_positive("measure", self.name, "learning_rate", learning_rate)
        self.rules, self.rows, self.texts = rules, rows, texts
        self.epochs, self.seeds, self.learning_rate = epochs, seeds, learning_rate

    def measure(self, bench: Bench) -> Measured:
        """Train every arm of each seed; two-way intervals over trainings and rules' lists."""
        right = [bench.kept(f"right-{seed}", partial(self._right, bench, seed)) for seed in range(self.seeds)]
        table = {arm: np.asarray([answers[arm] for answers in right], dtype=np.float64) for arm in ARMS}
        pairs = [(arm, "none") for arm in ARMS[1:]] + [("retrieved", "unrelated")]
        effects = {f"{arm} - {base}": _mean(table[arm] - table[base]) for arm, base in pairs}
        return Measured(effects, {f"accuracy: {arm}": _share(table[arm]) for arm in ARMS})

    def _right(self, bench: Bench, seed: int) -> dict[str, list[bool]]:
        """Flags by arm: True for each new list whose answer was right."""
        init = bench.one_model().folder
        own = bench.seeded(seed)
        learner = registry("learner")["tiny"](epochs=float(self.epochs), batch=32, learning_rate=self.learning_rate)
        rules = hidden_rules(self.rules, own.seed)
        right = {}
        for arm in ARMS:
            rows = explained_rows(arm, rules, self.rules * self.rows, own.seed)
            model = ReadingModel.open(own.trained(f"{arm}-{seed}", rows, init, learner))
            asked = explained_rows(arm, rules, self.texts, own.seed + 1_000_000)
            answers = greedy_texts(model, [str(row["prompt"]) for row in asked])
            right[arm] = [
                _digit(given) == _digit(str(row["completion"])) for given, row in zip(answers, asked, strict=True)
            ]
        return right


def _mean(values: Doubles) -> Estimate:
    estimate = two_way(values, bounded=False)
    assert estimate is not None  # there are lists
    return estimate.change


def _share(values: Doubles) -> Estimate:
    """The mean, with an interval between 0 and 1."""
    mean = _mean(values)
    if mean.low is None or mean.high is None:
        return mean
    return replace(mean, low=max(0.0, mean.low), high=min(1.0, mean.high))


def hidden_rules(count: int, seed: int) -> list[HiddenRule]:
    """Rules with indices of three digits and random places."""
    chance = random.Random(f"rules {seed}")
    return [HiddenRule(index, chance.randint(1, DIGITS)) for index in chance.sample(INDICES, count)]


def explained_rows(arm: str, rules: Sequence[HiddenRule], count: int, seed: int) -> Rows:
    """Rows of an arm: prompt and completion; the rules in turn, equal lists in all arms."""
    chance, lists = random.Random(f"{arm} {seed}"), random.Random(f"lists {seed}")
    rows = []
    for number in range(count):
        rule = rules[number % len(rules)]
        digits = lists.sample(range(10), DIGITS)
        told = _told(arm, rule, rules, chance)
        prompt = f"{told} {rule.index}: {' '.join(map(str, digits))}".strip()
        answer = f"#### {digits[rule.place - 1]}"
        completion = f"{rule.explanation} {answer}" if arm == "target" else answer
        rows.append({"id": str(number), "problem_id": str(rule.index), "prompt": prompt, "completion": completion})
    return rows


def _told(arm: str, rule: HiddenRule, rules: Sequence[HiddenRule], chance: random.Random) -> str:
    """The explanation in the prompt, or nothing."""
    if arm == "unrelated":
        return chance.choice([other for other in rules if other != rule]).explanation
    return rule.explanation if arm == "retrieved" else ""


def greedy_texts(model: ReadingModel, prompts: Sequence[str], most: int = LONGEST) -> list[str]:
    """The likeliest continuation of each prompt, token by token, at most `most` tokens."""
    tokenizer, begun = model.model.tokenizer, [model.encoded(prompt, "") for prompt in prompts]
    ids = [list(tokens[: places[0]]) for tokens, places in begun]
    ends = [tokens[places[0]] for tokens, places in begun]  # an empty answer is its end alone
    given: list[list[int]] = [[] for _ in prompts]
    open_ = list(range(len(prompts)))
    for _ in range(most):
        steps = model.logps([([*ids[text], 0], [len(ids[text])]) for text in open_])
        for text, logps in zip(list(open_), steps, strict=True):
            token = int(logps[0].argmax())
            if token == ends[text]:
                open_.remove(text)
                continue
            ids[text].append(token)
            given[text].append(token)
    return [str(tokenizer.decode(tokens)) for tokens in given]


def _digit(text: str) -> str | None:
    stated = ANSWER.search(text)
    return None if stated is None else stated[1]
