"""Rollouts with advantages, for reinforcement learning on stored completions: complete groups of n of one problem.

A group is the first n completions that one model gave to one problem, fixed before any verdict and taken before selection
and de-duplication (statistics.md, point 2). What was drawn because of earlier verdicts is refused: the mean advantage of
such a group is not 0. A group with an undecided rollout is left out and counted, for undecided is not a reward of 0.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.pool import Floats
from rollmill.ground.recipe_steps import first_step
from rollmill.storage.exports.advantages import ADVANTAGES, unlikely_rewards, zero_signal
from rollmill.storage.exports.chat_rows import (
    ABOUT_THE_PROBLEM,
    JUDGED,
    answer_turns,
    columns_of,
    judged_by,
)
from rollmill.storage.exports.origin import ORIGIN, SAW_LABEL, Training, is_held_out, label_seeing, origin_of
from rollmill.storage.exports.thread_rows import manifest_of, of_prefix
from rollmill.storage.exports.write import TURNS, Row

_GROUPS = """
select d.problem_id, r.model, list(d.completion_id order by r.sample_index, d.completion_id) as ids,
       list(d.outcome order by r.sample_index, d.completion_id) as outcomes,
       list(r.logprob_sum / nullif(r.tokens_out, 0) order by r.sample_index, d.completion_id) as logprobs
from decisions d join rollouts r on r.id = d.completion_id where {measured} group by all order by all
"""
_DRAWN = ("prompt_token_ids", "token_ids", "logprobs")
UNDECIDED = "groups with an undecided rollout"


class RolloutGroup(NamedTuple):
    """The completions of one model for one problem: ids, outcomes and log-probabilities per token, by sample index."""

    problem_id: str
    model: str
    ids: Sequence[str]
    outcomes: Sequence[str]
    logprobs: Sequence[float | None]

    def first(self, count: int) -> "RolloutGroup":
        """The group of the first `count` completions."""
        return RolloutGroup(self.problem_id, self.model, self.ids[:count], self.outcomes[:count], self.logprobs[:count])


@dataclass
class Rl(Training):
    """Rollouts with advantages, in complete groups. `advantage`: a name of ADVANTAGES.

    `n`: completions of a group, 0 for all completions fixed beforehand.

    `beta`: the discount of the most likely right completion, for advantage=unlikeliness.
    """

    advantage: str = "grpo"
    n: int = 0
    beta: float = 0.25

    schema = pa.schema(
        [
            ("prompt", TURNS),
            ("completion", TURNS),
            *columns_of(pa.float64(), "reward", "advantage"),
            *columns_of(pa.string(), "estimator", "group_id"),
            ("group_size", pa.int64()),
            ("zero_signal", pa.bool_()),
            *columns_of(pa.list_(pa.int32()), "prompt_token_ids", "completion_token_ids"),
            ("completion_logprobs", pa.list_(pa.float32())),
            *columns_of(pa.string(), "id", "problem_id"),
            ("sample_index", pa.int64()),
            *columns_of(pa.string(), "outcome", "verifier"),
            *ABOUT_THE_PROBLEM,
            ("model", pa.string()),
            *ORIGIN,
        ]
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.advantage not in ADVANTAGES:
            raise unknown_name("advantage", self.advantage, ADVANTAGES)
        if self.n != 0 and self.n < 2:
            raise SetupError(f"n is {self.n}; it must be 2 or more, or 0 for all that were fixed beforehand.")
        if not 0 < self.beta <= 1:
            raise SetupError(f"beta is {self.beta}; it must be above 0 and at most 1.")

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The rollouts by problem id, model and sample index; SetupError for groups that are not a fair sample."""
        self.left_out.clear()
        groups = self._usable(connection, complete_groups(connection, self.n, self._left_out(connection)))
        judged = [group for group in groups if "undecided" not in group.outcomes]
        self.left_out[UNDECIDED] = len(groups) - len(judged)
        # All groups before the first row: `batch_std` divides by a deviation over the whole file.
        added = self._advantages(judged) if judged else {}
        for problem in self.problems(connection, columns=_DRAWN, condition=JUDGED):
            # Stable: by sample index within a model.
            for rollout in sorted(problem.rows.values(), key=lambda rollout: rollout["model"]):
                if of_group := added.get((rollout["problem_id"], rollout["completion_id"])):
                    yield _row(rollout) | {"prompt": self.turns_before(rollout)} | of_group

    def _left_out(self, connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
        """The problems excluded from training, whose rewards must not enter a mean over the file."""
        splits = connection.execute("select id, split from problems").fetchall()
        held_out = () if self.held_out else (key for key, split in splits if is_held_out(split))
        return frozenset((*held_out, *self.outside(connection)))

    def _usable(self, connection: duckdb.DuckDBPyConnection, groups: Sequence[RolloutGroup]) -> Sequence[RolloutGroup]:
        """The groups, unless the step that drew them saw a label."""
        if not self.sees_label and first_step(manifest_of(connection).get("recipe", {})) in label_seeing(connection):
            self.left_out[SAW_LABEL] = sum(len(group.ids) for group in groups)
            return []
        return groups

    def _advantages(self, groups: Sequence[RolloutGroup]) -> dict[tuple[str, str], Row]:
        """Advantage columns of a row, by problem and completion."""
        rewards = np.array([[float(outcome == "correct") for outcome in group.outcomes] for group in groups])
        flat = zero_signal(rewards)
        used = rewards
        if self.advantage == "unlikeliness":
            used = unlikely_rewards(rewards, _logprobs(groups), self.beta)
        # The column `reward` keeps the plain reward: only the advantage takes the discount.
        values = ADVANTAGES[self.advantage](used)
        added: dict[tuple[str, str], Row] = {}
        for at, group in enumerate(groups):
            shared = {
                "estimator": self.advantage,
                "group_id": digest128(["group", group.problem_id, group.model, list(group.ids)]),
                "group_size": len(group.ids),
                "zero_signal": bool(flat[at]),
            }
            for place, completion in enumerate(group.ids):
                numbers = {"reward": float(rewards[at, place]), "advantage": float(values[at, place])}
                added[group.problem_id, completion] = shared | numbers
        return added


def complete_groups(connection: duckdb.DuckDBPyConnection, n: int, but: Collection[str] = ()) -> list[RolloutGroup]:
    """The groups of n in order of problem and model, n 0 meaning all that were fixed before any verdict.

    `but`: problems whose groups are excluded.

    SetupError if nothing was fixed, n is more than was, or a group has fewer.
    """
    prefix, measured = of_prefix(connection, n)
    if prefix == 0:
        raise SetupError(
            "this version has no completions that were fixed before any verdict, and advantages over what was drawn"
            " because of verdicts are biased.",
            next_command="rollmill curate RECIPE --set budget.method=fixed --set budget.options.initial=8",
        )
    if prefix is not None and n > prefix:
        raise SetupError(
            f"n is {n}, and only the first {prefix} completions of each problem were fixed before any verdict.",
            next_command=f"--set n={prefix}, or rollmill curate RECIPE --set budget.options.initial={n}",
        )
    groups = [group for group in _measured(connection, prefix, measured) if group.problem_id not in but]
    sizes = {len(group.ids) for group in groups}
    # Of an import the largest group sets the size: smaller ones are refused below, with the size that all have.
    count = n or prefix or max(sizes, default=0)
    if groups and count < 2:
        raise SetupError(
            "one completion of each model for a problem was fixed beforehand, and advantages compare at least two.",
            next_command="rollmill curate RECIPE --set budget.method=fixed --set budget.options.initial=8",
        )
    short = [group for group in groups if len(group.ids) < count]
    if short:
        raise _incomplete(groups, short, count)
    return [group.first(count) for group in groups]


def _measured(connection: duckdb.DuckDBPyConnection, prefix: int | None, measured: str) -> list[RolloutGroup]:
    """Groups of whatever size; of a run one for each problem too that has none."""
    groups = [RolloutGroup(*row) for row in connection.execute(_GROUPS.format(measured=measured)).fetchall()]
    if prefix is None:
        return groups
    # A problem without any fixed completion has to be refused as incomplete, not passed over.
    known = {group.problem_id for group in groups}
    ids = [row[0] for row in connection.execute("select id from problems order by id").fetchall()]
    return groups + [RolloutGroup(key, "", (), (), ()) for key in ids if key not in known]


def _incomplete(groups: Sequence[RolloutGroup], short: Sequence[RolloutGroup], count: int) -> SetupError:
    fewest = min(short, key=lambda group: len(group.ids))
    size = len(fewest.ids)
    return SetupError(
        f"{len(short)} of {len(groups)} groups have fewer than {count} completions"
        f" (problem {fewest.problem_id[:12]} has {size}), and advantages need complete groups of one size.",
        next_command=f"--set n={size}" if size > 1 else "draw at least 2 completions of every problem",
    )


def _logprobs(groups: Sequence[RolloutGroup]) -> Floats:
    missing = sum(value is None for group in groups for value in group.logprobs)
    if missing:
        raise SetupError(
            f"advantage=unlikeliness ranks by log-probabilities, and {missing} completions have none stored.",
            choices=[name for name in ADVANTAGES if name != "unlikeliness"],
        )
    return np.array([group.logprobs for group in groups], dtype=np.float64)


def _row(rollout: Row) -> Row:
    return {
        **{name: rollout[name] for name in Rl.schema.names if name in rollout},
        **origin_of(rollout),
        "completion": answer_turns(rollout),
        "completion_token_ids": rollout["token_ids"],
        "completion_logprobs": rollout["logprobs"],
        "id": rollout["completion_id"],
        "verifier": judged_by(rollout),
    }
