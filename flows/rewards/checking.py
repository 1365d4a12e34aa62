"""`rollmill reward check`: a handful of rows through the shape of a trainer, and the file that the trainer's option names.

Rows are rollouts of the recipe's newest run here, with the outcomes they have; without one, the plain questions of the
suite by which the first verifier is certified.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rollmill.flows.recipe.load import load_recipe
from rollmill.flows.rewards.reward import VerifierReward
from rollmill.flows.rewards.shapes import TRAINERS
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.records import Problem
from rollmill.pipelines.certify.suites import select_suite
from rollmill.pipelines.verify.finding import prompt_text
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.workspace import Workspace

FEW = 8
# A few rows of every outcome; by the hash of their ids, so that the choice is random and always the same.
_ROWS = """
SELECT problem_id, text, outcome FROM rollouts r JOIN completions c ON c.id = r.completion_id
WHERE outcome IN ('correct', 'incorrect', 'unparsed')
QUALIFY row_number() OVER (PARTITION BY outcome ORDER BY md5(completion_id)) <= {each} ORDER BY outcome, completion_id
"""
PACKAGES = {"verifiers": ("verifiers", "verifiers==0.4.0"), "skyrl": ("skyrl_gym", "skyrl-gym==0.4.0")}
"""The package that a shape is built from, by trainer: its import name and its pip name."""


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row with its expected outcome and the reward that the trainer gets for it."""

    problem: Problem
    text: str
    expected: str
    value: float | None = None

    def json(self) -> dict[str, Any]:
        """The record as JSON values."""
        shown = {"reference": self.problem.reference, "text": self.text[-200:]}
        return {**shown, "expected": self.expected, "reward": self.value}


def rows_to_check(reward: VerifierReward) -> tuple[str, list[CheckedRow]]:
    """Source of the rows, and the rows."""
    stored = _stored_rows(reward)
    if stored is not None:
        return stored
    name = reward.judging.chain[0][0]
    try:
        suite = select_suite(name, None, None, frozenset())
    except SetupError:
        raise SetupError(
            f"there is no run of {reward.source.name} here to take rows from, and no suite of verifier {name!r}.",
            next_command=f"rollmill curate {reward.source.name}",
        ) from None
    rows = [
        CheckedRow(Problem(row.prompt, row.reference, row.kind, row.tests, meta=row.meta), row.text, expected)
        # The first probe of a suite is right, the second wrong.
        for row, expected in zip(suite.probes, ("correct", "incorrect"), strict=True)
    ]
    if any(row.problem.tests for row in rows):
        raise SetupError(
            f"problems of verifier {name!r} have tests, which no trainer passes on: they are read from the workspace, and "
            "there is no run of this recipe.",
            next_command=f"rollmill curate {reward.source.name}",
        )
    return f"suite {suite.name}", rows


def _stored_rows(reward: VerifierReward) -> tuple[str, list[CheckedRow]] | None:
    if not reward.source.is_recipe:
        return None
    path = Path(reward.source.name)
    try:
        # A recipe outside of a workspace has no runs.
        workspace = Workspace.open(path.parent)
    except SetupError:
        return None
    with workspace:
        # Reading the ledger of an unused workspace would make one.
        if workspace.unused:
            return None
        reader, name = Reader(workspace), load_recipe(path).recipe.name
        runs = [run for run in reader.runs.list() if run.name == name] if reader.count("completions") else []
        if not runs:
            return None
        with run_scope(reader, runs[0].id).connection("rollouts", "completions") as connection:
            drawn = connection.execute(_ROWS.format(each=FEW // 3 + 1)).fetchall()
        problems = {problem.id: problem for problem in reader.fetch("problems", [row[0] for row in drawn])}
        return f"run {runs[0].id}", [CheckedRow(problems[row[0]], row[1], row[2]) for row in drawn]


def trainer_reward(reward: VerifierReward, trainer: str, row: CheckedRow) -> float | None:
    """The reward of a row as the trainer receives it."""
    problem, prompt = row.problem, prompt_text(row.problem.prompt)
    if trainer == "trl":
        columns: dict[str, Any] = {"reference": [problem.reference], "problem_id": [problem.id], "kind": [problem.kind]}
        # TRL always passes completion_ids, which the reward ignores.
        return reward([prompt], [row.text], completion_ids=[[]], **columns)[0]
    if trainer == "verl":
        extra = {"problem_id": problem.id, "num_turns": None}
        return reward.verl()(
            data_source=problem.source, solution_str=row.text, ground_truth=problem.reference, extra_info=extra
        )["score"]
    if trainer == "openrlhf":
        # As OpenRLHF calls it: prompt and answer in one text, with the end token left in.
        answered = reward.openrlhf()([f"{prompt}{row.text}</s>"], [prompt], [problem.reference or problem.id])
        return float(answered["rewards"][0])
    if trainer == "verifiers":
        data = SimpleNamespace(answer=problem.reference, problem_id=problem.id, prompt_text=prompt)
        trace = SimpleNamespace(last_reply=row.text, is_truncated=False, record_metric=lambda *_: None)

        async def ask() -> float:
            value: float = await reward.verifiers()(SimpleNamespace(data=data), trace)
            return value

        return asyncio.run(ask())
    row_of = {"reward_spec": {"ground_truth": problem.reference}, "problem_id": problem.id}
    return float(reward.skyrl()(extras=row_of).step(row.text)["reward"])


def require_package(trainer: str) -> None:
    """SetupError for an unknown trainer, and for one whose shape needs a package that is not here."""
    from importlib.util import find_spec

    if trainer not in TRAINERS:
        raise unknown_name("trainer", trainer, TRAINERS)
    module, requirement = PACKAGES.get(trainer, ("", ""))
    if module and find_spec(module) is None:
        raise SetupError(f"the shape for {trainer} needs the package {module}.", next_command=f"pip install {requirement}")


def trainer_file(trainer: str, source: str, options: Mapping[str, Any]) -> str:
    """The Python file that the trainer's option names."""
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    return _FILES[trainer].replace("REWARD", f"rollmill.reward({source!r}{given})")


_FILES = {
    "trl": '''"""For TRL: GRPOTrainer(reward_funcs=reward, ...)."""

import rollmill

reward = REWARD
''',
    "verl": '''"""For verl: reward.custom_reward_function.path=THIS_FILE, and .name=compute_score."""

import rollmill

reward = REWARD
compute_score = reward.verl()
''',
    "openrlhf": '''"""For OpenRLHF: --reward.remote_url THIS_FILE."""

import rollmill

reward_func = REWARD.openrlhf()
''',
    "verifiers": '''"""For verifiers and prime-rl: tasks derive from RewardedTask; their data has the field `answer`."""

import rollmill
import verifiers.v1 as vf


class RewardedTask(vf.Task):
    """A task rewarded by verifiers."""

    rollmill = REWARD.verifiers()
''',
    "skyrl": '''"""For SkyRL: import this file where you register environments, then environment.env_class=rollmill."""

import rollmill
from skyrl_gym.envs import register

register(id="rollmill", entry_point=REWARD.skyrl())
''',
}
