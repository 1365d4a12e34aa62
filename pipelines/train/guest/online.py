"""TRL's trainers that draw completions and have them rewarded, GRPO and RLOO: over the prompts of a plan, in its order.

Groups of one reward teach nothing. With `redraws` their prompts are replaced by others of the rows, so often at most. TRL
has no option for that (its issue 3708), so completions and rewards are made here and handed to its own method.
"""

import json
import random
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rollmill.ground.errors import SetupError
from rollmill.ground.records import prompt_json
from rollmill.pipelines.train.guest.encoding import turns_of
from rollmill.pipelines.train.guest.trainers import StepPlan, trainer_names
from rollmill.pipelines.train.roles import DrawsCompletions
from rollmill.pipelines.train.rows import Encode, prompt_of

ASKED = ("reference", "problem_id", "kind")
"""Columns of a prompt by which its completions are judged."""
REFUSED = 422  # status of a service that cannot judge an item
Record = Callable[[int, Sequence[tuple[int, int]]], None]
"""Takes a step, counted from 0, and rows with their trained tokens."""


class RewardClient:
    """Reward function of TRL that asks Rollmill's service; what it cannot decide has no reward."""

    def __init__(self, address: str, most_tokens: int, end: int | None) -> None:
        parts = urlsplit(address)
        self.most_tokens, self.end = most_tokens, end
        # urllib does not read the secret in an address.
        self.address, self._secret = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.password or ""
        self.__name__ = "rollmill"  # what TRL calls the reward in its logs
        # The service listens on loopback, which a proxy of the environment would not reach.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        trainer_state: Any,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Sequence[Any],
    ) -> list[float | None]:
        items = []
        for place, (prompt, completion, ids) in enumerate(zip(prompts, completions, completion_ids, strict=True)):
            item = {name: columns[name][place] for name in ASKED if columns.get(name) and columns[name][place]}
            text = completion if isinstance(completion, str) else completion[-1]["content"]
            asked = prompt_json(prompt_of(prompt))
            # A completion of the most tokens is whole if the last of them is the end token.
            truncated = len(ids) >= self.most_tokens and ids[-1] != self.end
            items.append({**item, "completion": text, "prompt": asked, "truncated": truncated})
        rewards = self._judged({"items": items, "step": int(trainer_state.global_step)})
        if log_metric is not None and rewards:
            log_metric("undecided", sum(reward["outcome"] == "undecided" for reward in rewards) / len(rewards))
        return [reward["value"] for reward in rewards]

    def _judged(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._secret}"}
        request = urllib.request.Request(f"{self.address}/v1/judge", json.dumps(body).encode(), headers)  # noqa: S310
        try:
            with self._opener.open(request) as answer:
                given: list[dict[str, Any]] = json.load(answer)["rewards"]
        except urllib.error.HTTPError as error:
            detail = error.read().decode("utf-8", "replace")
            if error.code == REFUSED:
                raise SetupError(f"the reward cannot judge: {json.loads(detail)['detail']}") from None
            raise RuntimeError(f"the reward answered {error.code}: {detail}") from None
        return given


@dataclass(frozen=True, slots=True)
class DrawnBatch:
    """Completions drawn in one training step, with their prompts and rewards.

    `inputs`: TRL's input row of each completion. `generated`: the tuple that TRL's trainer generates; each list in it has
    an item for each completion. `rewards`: tensor (completions, reward functions).
    """

    inputs: list[dict[str, Any]]
    generated: tuple[Any, ...]
    rewards: Any

    def signals(self, generations: int) -> list[bool]:
        """True for each group of completions that has two different rewards."""
        groups = self.rewards.sum(dim=1).reshape(-1, generations).tolist()
        # NaN, the reward of an undecided completion, is unequal to itself and no signal.
        return [len({value for value in group if value == value}) > 1 for group in groups]

    def with_groups(self, places: Sequence[int], other: "DrawnBatch", groups: Sequence[int], size: int) -> "DrawnBatch":
        """This batch with groups of another one in some places."""
        inputs, rewards = list(self.inputs), self.rewards.clone()
        generated = tuple(list(part) if isinstance(part, list) else part for part in self.generated)
        for place, group in zip(places, groups, strict=True):
            to, of = slice(place * size, (place + 1) * size), slice(group * size, (group + 1) * size)
            inputs[to], rewards[to] = other.inputs[of], other.rewards[of]
            for mine, theirs in zip(generated, other.generated, strict=True):
                if isinstance(mine, list) and len(mine) == len(inputs):
                    mine[to] = theirs[of]
        return DrawnBatch(inputs, generated, rewards)


@dataclass(frozen=True, slots=True)
class PlannedPrompts:
    """The prompts of each step, what records the rows of a step, and the address of the service that judges."""

    plan: StepPlan
    record: Record
    reward: str


def prompt_rows(plan: StepPlan, tokenizer: Any) -> list[dict[str, Any]]:
    """The prompts of a plan as rows of TRL, with the columns by which they are judged."""
    rows = []
    for number, line in enumerate(plan.lines):
        turns = turns_of(prompt_of(line["prompt"]))
        prompt: Any = turns if tokenizer.chat_template else "\n".join(turn["content"] for turn in turns)
        # Tests are read from the workspace, by the id of their problem.
        judged = {name: line.get(name) or "" for name in ASKED if not (name == "reference" and line.get("kind") == "code")}
        rows.append({"prompt": prompt, "row": number, **{name: str(judged.get(name, "")) for name in ASKED}})
    return rows


def check_room(plan: StepPlan, loss: DrawsCompletions, encode: Encode, context: int) -> None:
    """SetupError for a prompt that leaves no room for a completion of the most tokens."""
    for number, line in enumerate(plan.lines, 1):
        ids, trained = encode(prompt_of(line["prompt"]), "", [])
        if len(ids) - len(trained) + loss.max_tokens > context:
            raise SetupError(
                f"row {number} has {len(ids) - len(trained):,} tokens, which with max_tokens {loss.max_tokens:,} are more "
                f"than the initial model's context of {context:,}.",
                next_command="loss: {options: {max_tokens: NUMBER}}",
            )


def build_online(loss: Any, model: Any, tokenizer: Any, arguments: Any, planned: PlannedPrompts) -> Any:
    """The trainer over a plan of prompts."""
    import trl
    from datasets import Dataset

    # Completions are drawn behind the prompts of a batch, so padding goes in front of them.
    tokenizer.padding_side = "left"
    base = getattr(trl, trainer_names(loss)[0])
    return type(base.__name__, (DrawingTrainer, base), {})(
        model=model,
        reward_funcs=RewardClient(planned.reward, loss.max_tokens, tokenizer.eos_token_id),
        args=arguments,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(prompt_rows(planned.plan, tokenizer)),
        planned=planned,
        redraws=loss.redraws,
    )


class DrawingTrainer:
    """Mixin of TRL's trainers that draw: the prompts are those of a plan, or replace some, and each step is recorded."""

    train_dataset: Any
    num_generations: int
    state: Any
    args: Any
    _metrics: Any

    def __init__(self, *, planned: PlannedPrompts, redraws: int, **given: Any) -> None:
        self.planned, self.redraws = planned, redraws
        self.kept: DrawnBatch | None = None
        super().__init__(**given)

    def _get_train_sampler(self, dataset: Any = None) -> list[int]:
        """The rows of the plan, each so often as TRL reads it: for every part of a step, and for every completion."""
        del dataset
        plan, size = self.planned.plan, self.num_generations
        return [row for step in plan.steps for _ in range(plan.parts) for row in step for _ in range(size)]

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        base: Any = super()
        self.kept = drawn = self._with_signal(self._draw(list(inputs)))
        size, ids = self.num_generations, drawn.generated[1]
        groups = range(0, len(ids), size)
        counts = [(drawn.inputs[at]["row"], sum(map(len, ids[at : at + size]))) for at in groups]
        self.planned.record(self.state.global_step, counts)
        return base._generate_and_score_completions(drawn.inputs)

    def _draw(self, inputs: list[dict[str, Any]]) -> DrawnBatch:
        base: Any = super()
        prompts = [example["prompt"] for example in inputs]
        generated = base._generate(prompts)
        completions = next(part for part in generated[2:] if isinstance(part, list) and len(part) == len(inputs))
        return DrawnBatch(inputs, generated, base._calculate_rewards(inputs, prompts, completions, generated[1]))

    def _with_signal(self, drawn: DrawnBatch) -> DrawnBatch:
        """The batch with groups of one reward replaced by groups of other prompts, as far as the bound allows."""
        size = self.num_generations
        # No prompt is drawn twice in one step.
        used, redrawn = {example["row"] for example in drawn.inputs}, 0
        for number in range(self.redraws):
            empty = [place for place, signal in enumerate(drawn.signals(size)) if not signal]
            free = [row for row in range(len(self.train_dataset)) if row not in used]
            # A function of seed, step and number: a resumed training draws the same prompts.
            chance = random.Random(f"{self.args.seed} {self.state.global_step} {number}")
            rows = chance.sample(free, min(len(empty), len(free)))
            if not rows:
                break
            used.update(rows)
            redrawn += len(rows)
            other = self._draw([self.train_dataset[row] for row in rows for _ in range(size)])
            good = [group for group, signal in enumerate(other.signals(size)) if signal]
            drawn = drawn.with_groups(empty[: len(good)], other, good, size)
        self._metrics["train"]["redrawn"].append(float(redrawn))
        return drawn

    def _generate(self, prompts: Any) -> Any:
        base: Any = super()
        # TRL's own method calls this: it gets the batch that is drawn already, not a new one.
        return base._generate(prompts) if self.kept is None else self.kept.generated

    def _calculate_rewards(self, inputs: Any, *given: Any) -> Any:
        base: Any = super()
        if self.kept is None:
            return base._calculate_rewards(inputs, *given)
        # TRL asks for the rewards last, and its next batch must be drawn again.
        kept, self.kept = self.kept, None
        return kept.rewards
