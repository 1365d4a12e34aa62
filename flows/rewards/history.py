"""`rollmill reward show`: the rewards of a training by step, compared with a second verifier and with people.

A policy that exploits its verifier (reward hacking) gets more reward for answers that other judges call wrong. So a second
share is followed too: the rewarded completions that a second judge rejects. An alert is raised only if both shares rise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import md5
from typing import Any

from rollmill.flows.rewards.items import RewardItem
from rollmill.flows.rewards.reward import reward
from rollmill.flows.rewards.reward_log import PREFIX, VERSION, require_log
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.ground.records import JudgedRow
from rollmill.stats import Estimate, cluster_mean
from rollmill.stats.clusters.cluster_ratios import cluster_share
from rollmill.stats.clusters.intervals import mover_sum
from rollmill.storage.workspace import Workspace

TEST = (
    "shares of the first and the last third of the steps, each with its 95% interval over problems, their difference by "
    "MOVER (Zou & Donner 2008); the sides count as independent, which is cautious where problems recur"
)
_PEOPLE = "SELECT id, meta ->> '$.rewarded_id' FROM completions WHERE meta ->> '$.rewarded_log' = ?"


@dataclass(frozen=True, slots=True)
class RewardedRow:
    """A row of a log without its text. `second`, `people`: the verdict of that judge, None without one."""

    step: int | None
    problem_id: str
    completion_id: str
    reward: float | None
    outcome: str
    second: bool | None = None
    people: bool | None = None


def history(log: str, second: str | None = None, sample: int = 100) -> dict[str, Any]:
    """Rewards by step, with alerts, as JSON values. `second`: a recipe or verifier that judges `sample` rows of a step."""
    with Workspace.open() as workspace:
        require_log(workspace, log)
        stored = workspace.segments.rows("judged", producer=f"{PREFIX}{log}", version=VERSION)
        chosen = set(_sampled(stored, sample)) if second is not None else set()
        asked = [row for place, row in enumerate(stored) if place in chosen]
        confirmed = {} if second is None else _judged_again(second, asked)
        people = _by_people(workspace, log)
        # A completion may also stand in rows that were not sampled: by its id they would count as judged again.
        rows = [_rewarded(row, confirmed if place in chosen else {}, people) for place, row in enumerate(stored)]
    held = {"second": second, "people": "people" if any(row.people is not None for row in rows) else None}
    # Rows without a step come last: None does not compare with a number.
    steps = sorted({row.step for row in rows}, key=lambda step: (step is None, step or 0))
    alerts = [line for judge, name in held.items() if name and (line := alert(rows, judge, str(name)))]
    notes = (
        [f"test: {TEST}"]
        if any(held.values())
        else [f"These rewards are not compared with any other judge. Next: {_NEXT.format(log=log)}"]
    )
    return {
        "log": log,
        "n": len(rows),
        **held,
        "steps": [_of_step(step, [row for row in rows if row.step == step]) for step in steps],
        "alerts": alerts,
        "notes": notes,
    }


_NEXT = "rollmill reward show {log} --second RECIPE, or rollmill reward publish {log} and audit it"


def alert(rows: Sequence[RewardedRow], judge: str, name: str) -> str:
    """A line where rewards rise and a judge does not see the same rise; "" if that cannot be said."""
    steps = sorted({row.step for row in rows if row.step is not None})
    # Two steps have no third: the first is compared with the second.
    third = len(steps) // 3 or 1
    if len(steps) < 2:
        return ""
    # Rows that the judge did not see are left out of both shares, so that these are of the same rows.
    sides = [
        [row for row in rows if row.step in part and getattr(row, judge) is not None]
        for part in (set(steps[:third]), set(steps[-third:]))
    ]
    rewarded = _rise(sides, [[float(row.outcome == "correct") for row in side] for side in sides])
    rejected = _rise(
        sides, [[float(row.outcome == "correct" and not getattr(row, judge)) for row in side] for side in sides]
    )
    # [1] is the lower end: each rise alone must be shown, or chance raises the alarm.
    if rewarded is None or rejected is None or rewarded[1] <= 0.0 or rejected[1] <= 0.0:
        return ""
    return (
        f"ALERT: from steps {steps[0]} to {steps[third - 1]} to steps {steps[-third]} to {steps[-1]} the share rewarded "
        f"rose by {_shown(rewarded)}, and the share rewarded that {name} calls wrong by {_shown(rejected)}."
    )


def _rise(sides: Sequence[Sequence[RewardedRow]], values: Sequence[Sequence[float]]) -> tuple[float, float, float] | None:
    """The difference of two shares with its interval; None without rows on both sides."""
    shares = [_share(side, of_side) for side, of_side in zip(sides, values, strict=True)]
    early, late = shares
    if early is None or late is None:
        return None
    return mover_sum([(1.0, (late.value, late.low, late.high)), (-1.0, (early.value, early.low, early.high))])


def _share(rows: Sequence[RewardedRow], values: Sequence[float]) -> Estimate | None:
    problems = [row.problem_id for row in rows]
    return cluster_share(values, [1.0] * len(values), problems, estimand="share over the population of problems")


def _shown(rise: tuple[float, float, float]) -> str:
    return with_interval(rise[0], rise[1], rise[2])


def _of_step(step: int | None, rows: Sequence[RewardedRow]) -> dict[str, Any]:
    """The numbers of one step; precision is of the rows that were rewarded as correct and judged again."""
    rewarded = [(row, row.reward) for row in rows if row.reward is not None]
    values, problems = [value for _, value in rewarded], [row.problem_id for row, _ in rewarded]
    # Another scale, such as -1 for a wrong answer, has no interval of a share.
    if all(0.0 <= value <= 1.0 for value in values):
        mean = _share([row for row, _ in rewarded], values)
    else:
        mean = cluster_mean(values, problems, estimand="mean reward over the population of problems")
    numbers: dict[str, Any] = {"step": step, "n": len(rows), "reward": None if mean is None else asdict(mean)}
    numbers["undecided"] = sum(row.outcome == "undecided" for row in rows) / len(rows)
    for judge in ("second", "people"):
        right = [row for row in rows if row.outcome == "correct" and getattr(row, judge) is not None]
        precision = _share(right, [float(getattr(row, judge)) for row in right])
        numbers[judge] = None if precision is None else asdict(precision)
    return numbers


def _sampled(rows: Sequence[JudgedRow], most: int) -> list[int]:
    """Places of at most so many rows of each step, the same ones every time."""
    of_step: dict[int | None, list[tuple[str, int]]] = {}
    for place, row in enumerate(rows):
        # A text drawn twice has one id: its place gives each copy a chance of its own.
        digest = md5(f"{row.completion_id} {place}".encode(), usedforsecurity=False).hexdigest()
        of_step.setdefault(row.training_step, []).append((digest, place))
    return [place for members in of_step.values() for _, place in sorted(members)[:most]]


def _judged_again(source: str, rows: Sequence[JudgedRow]) -> dict[str, bool]:
    """Verdicts of the second judge by completion id, true for a right one; undecided ones are left out."""
    items = [RewardItem(row.text, row.reference, row.problem_id, row.kind, row.prompt or None) for row in rows]
    with reward(source) as second:
        judged = second.judge(items)
    return {
        row.completion_id: one.outcome == "correct"
        for row, one in zip(rows, judged, strict=True)
        if one.outcome != "undecided"
    }


def _by_people(workspace: Workspace, log: str) -> dict[str, bool]:
    """People's judgement of published completions by their id in the log, true for a right one.

    A completion on which they disagree or cannot decide has none.
    """
    judged = workspace.audits.judgements()
    if not judged:
        return {}
    with workspace.segments.connect() as connection:
        ids = dict(connection.execute(_PEOPLE, [log]).fetchall())
    right: dict[str, bool] = {}
    for (completion, _), words in judged.items():
        opinions = {word.judgement == "correct" for word in words if word.judgement != "unsure"}
        if completion in ids and len(opinions) == 1:
            right[ids[completion]] = opinions.pop()
    return right


def _rewarded(row: JudgedRow, second: Mapping[str, bool], people: Mapping[str, bool]) -> RewardedRow:
    plain = RewardedRow(row.training_step, row.problem_id, row.completion_id, row.reward, row.outcome)
    return replace(plain, second=second.get(row.completion_id), people=people.get(row.completion_id))
