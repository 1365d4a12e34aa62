"""`rollmill.reward`: the verifiers of a recipe as the reward of a training, with hard limits and from any thread.

The object itself is a reward function of TRL; `verl`, `openrlhf`, `verifiers` and `skyrl` give it the shape of other
trainers (flows/rewards/shapes.py). All of them are `judge`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from rollmill.flows.rewards import shapes
from rollmill.flows.rewards.items import (
    DEADLINE,
    Reward,
    RewardItem,
    RewardValues,
    Words,
    completion_of,
    exported_reference,
    problem_of,
    reward_of,
)
from rollmill.flows.rewards.judging import JudgingThreads
from rollmill.flows.rewards.source import RewardSource, StoredProblems
from rollmill.ground.errors import SetupError, extras_named
from rollmill.ground.records import Verdict
from rollmill.pipelines.verify.judging import Item

if TYPE_CHECKING:
    from rollmill.flows.rewards.reward_log import JudgedLog

Column = Sequence[Any]


class VerifierReward:
    """Rewards of completions, judged by verifiers; safe in threads, and a context manager that ends its processes."""

    def __init__(
        self,
        source: RewardSource,
        values: RewardValues,
        *,
        most_waiting: int | None = None,
        log: str | None = None,
        folder: Path | None = None,
    ) -> None:
        self.source, self.values = source, values
        self._folder = Path.cwd() if folder is None else folder  # in the workspace of the log
        self.log = None if log is None else _opened_log(self._folder, log)
        self.judging: JudgingThreads = source.judging(most_waiting)
        # A recipe may lie outside of the workspace in which it is used.
        self._stored = StoredProblems([*([Path(source.name).parent] if source.is_recipe else []), self._folder])
        self._most_waiting = most_waiting
        self.__name__ = "rollmill"  # what TRL calls the reward in its logs

    def judge(
        self, items: Sequence[RewardItem], deadline: float | None = None, *, label: str = "", step: int | None = None
    ) -> list[Reward]:
        """The reward of each item, in order. `deadline`: seconds after which unjudged items are `undecided`.

        `label` and `step` name the rows of the log. SetupError for an item with nothing to judge by. Work after a deadline
        continues: the same items requested later are answered.
        """
        until = None if deadline is None else time.monotonic() + deadline
        pairs = self.pairs(items)
        answers = self.judging.submit(pairs)
        wait(answers, None if until is None else max(0.0, until - time.monotonic()))
        return self.rewards(items, pairs, answers, (label, step))

    def rewards(
        self,
        items: Sequence[RewardItem],
        pairs: Sequence[Item],
        answers: "Sequence[Future[Verdict]]",
        named: tuple[str, int | None],
    ) -> list[Reward]:
        """The rewards of the judged items, logged under label and step."""
        given = [self._reward(item, pair, answer) for item, pair, answer in zip(items, pairs, answers, strict=True)]
        if self.log is not None:
            from rollmill.flows.rewards.reward_log import judged_row

            self.log.add([judged_row(named, pair, one) for pair, one in zip(pairs, given, strict=True)])
        return given

    def pairs(self, items: Sequence[RewardItem]) -> list[Item]:
        """Problem and completion of each item."""
        stored = self._stored.of([str(item.problem_id) for item in items if item.problem_id])
        pairs = []
        for place, item in enumerate(items):
            problem = stored.get(str(item.problem_id))
            if problem is None:
                problem = problem_of(item, place)
            elif item.reference not in (None, problem.reference, exported_reference(problem)):
                raise SetupError(
                    f"item {place} has the reference {str(item.reference)[:60]!r}, and problem {problem.id} is stored with "
                    f"{problem.reference[:60]!r}.",
                    next_command="export the prompts again, or leave out one of problem_id and reference",
                )
            pairs.append((problem, completion_of(item, problem, place)))
        return pairs

    def labelled(self, completion: Words, label: Any, prompt: Words | None = None) -> RewardItem:
        """The item of a label: the id of a stored problem, else a reference."""
        known = isinstance(label, str) and label in self._stored.of([label])
        return RewardItem(completion, None if known else label, label if known else None, prompt=prompt)

    def _reward(self, item: RewardItem, pair: Item, answer: "Future[Verdict]") -> Reward:
        """The reward of one item; its verdict, or the deadline if there is none yet."""
        if answer.done():
            verdict = answer.result()
        else:
            name, version = self.judging.chain[0]
            verdict = Verdict(pair[1].id, pair[0].id, name, version, "undecided", DEADLINE, DEADLINE)
        return reward_of(verdict, self.values.of(verdict, truncated=item.truncated))

    def __call__(
        self,
        prompts: Sequence[Words],
        completions: Sequence[Words],
        completion_ids: Column | None = None,  # noqa: ARG002
        trainer_state: Any = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Column,
    ) -> list[float | None]:
        """Reward function of TRL. Read columns: `reference`, `problem_id`, `kind`, `truncated`."""
        known = {name: columns[name] for name in ("reference", "problem_id", "kind", "truncated") if name in columns}
        rows = [{name: column[place] for name, column in known.items()} for place in range(len(completions))]
        items = [
            RewardItem(completion, prompt=prompt, **{name: value for name, value in row.items() if value is not None})
            for prompt, completion, row in zip(prompts, completions, rows, strict=True)
        ]
        rewards = self.judge(items, step=getattr(trainer_state, "global_step", None))
        if log_extra is not None:
            log_extra("outcome", [reward.outcome for reward in rewards])
        if log_metric is not None and rewards:
            log_metric("undecided", sum(reward.outcome == "undecided" for reward in rewards) / len(rewards))
        return [reward.value for reward in rewards]

    def verl(self) -> shapes.ComputeScore:
        """`compute_score(data_source, solution_str, ground_truth, extra_info)` of verl."""
        return shapes.verl(self)

    def openrlhf(self) -> shapes.RewardFunction:
        """`reward_func(queries, prompts, labels)` of OpenRLHF."""
        return shapes.openrlhf(self)

    def verifiers(self, reference: str = "answer", weight: float = 1.0) -> Any:
        """A `@vf.reward` method for a task of verifiers whose data has the reference in a field of this name."""
        return shapes.verifiers(self, reference, weight)

    def skyrl(self) -> type[Any]:
        """A single-turn environment of SkyRL-gym, to register."""
        return shapes.skyrl(self)

    def close(self) -> None:
        """End threads and processes, and commit the log; safe to call twice."""
        self.judging.close()
        if self.log is not None:
            self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        # Trainers send rewards to other processes: those judge with threads and verifiers of their own.
        log = None if self.log is None else (self.log.name, self._folder)
        return _again, (self.source, self.values, self._most_waiting, log)


def _opened_log(folder: Path, name: str) -> "JudgedLog":
    from rollmill.flows.rewards.reward_log import JudgedLog  # loads the stores of a workspace

    return JudgedLog(folder, name)


def _again(
    source: RewardSource, values: RewardValues, most_waiting: int | None, log: tuple[str, Path] | None
) -> VerifierReward:
    name, folder = log or (None, None)
    return VerifierReward(source, values, most_waiting=most_waiting, log=name, folder=folder)


@extras_named()
def reward(  # noqa: PLR0913 (an option each)
    source: str | Path,
    undecided: float | None = None,
    truncated: float | Literal["judge"] | None = "judge",
    unparsed: float | None = 0.0,
    *,
    correct: float = 1.0,
    incorrect: float = 0.0,
    partial: bool = False,
    options: Mapping[str, Any] | None = None,
    profile: str | Path | None = None,
    workers: int = 0,
    log: str | None = None,
    most_waiting: int | None = None,
) -> VerifierReward:
    """Verifiers as the reward of a training: a reward function of TRL, with shapes for other trainers.

    A verifier's own failure (a time limit, a lost process) is `undecided`. Its value is None, no reward, unless you set
    one: the default is never 0. Limits are CPU seconds in the verifier's processes, so any thread may judge.

    Args:
        source: A recipe's file, whose verifiers and policy judge, or the name of a verifier.
        undecided: Value if no verifier could decide; trainers other than TRL need a number.
        truncated: Value of a completion that was cut at its length limit; "judge": that of its outcome.
        unparsed: Value of a completion without an answer.
        correct: Value of a right completion.
        incorrect: Value of a wrong one.
        partial: Take the share of tests passed where a verifier gives one.
        options: Options of the verifier, where `source` names one.
        profile: Profile of this machine.
        workers: Completions judged in parallel; 0: one for each core.
        log: Name under which the workspace here keeps every rewarded completion (`rollmill reward show NAME`).
        most_waiting: Completions that may wait in the queue; `judge` raises where there are more. None: any number.

    Raises:
        SetupError: The recipe, an option or this machine does not allow it.
    """
    values = RewardValues(undecided, truncated, unparsed, correct, incorrect, partial)
    place = None if profile is None else str(Path(profile).resolve())
    name = str(Path(source).resolve()) if Path(source).suffix in (".yaml", ".yml") else str(source)
    return VerifierReward(
        RewardSource(name, dict(options or {}), place, workers), values, most_waiting=most_waiting, log=log
    )
