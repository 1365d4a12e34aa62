"""What `pip install rollmill` brings alone: few packages, which verify, reward and read a version, and name the rest.

python .ci/base_install.py WORKSPACE    # in an environment with the wheel's base alone; the workspace has `arithmetic`
"""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import rollmill

DISTRIBUTIONS, MEGABYTES = 15, 150


def main(workspace: str) -> None:
    """Check size, verdicts, rewards, reading, and the messages where an extra is missing."""
    installed = [found for found in distributions() if found.name not in ("pip", "setuptools")]
    paths = [Path(str(file.locate())) for found in installed for file in found.files or ()]
    size = sum(path.stat().st_size for path in paths if path.suffix != ".pyc" and path.is_file()) / 1e6
    print(f"{len(installed)} distributions of {size:.0f} MB")
    assert len(installed) <= DISTRIBUTIONS, sorted(found.name for found in installed)
    assert size <= MEGABYTES

    row = {"prompt": "1/2 + 1/4?", "reference": "3/4", "answer": "#### 0.75"}
    surd = {"prompt": "Simplify.", "reference": r"\frac{\sqrt{8}}{2}", "answer": r"#### \sqrt{2}"}  # sympy decides
    assert [verdict.outcome for verdict in rollmill.verify([row, surd])] == ["correct", "correct"]
    schema = {"prompt": "", "reference": '{"type": "integer"}', "answer": '{"a": 1}'}
    assert rollmill.verify([schema], "json_schema")[0].outcome == "incorrect"
    for source in ("math", f"{workspace}/recipes/arithmetic.yaml"):
        with rollmill.reward(source) as reward:
            assert reward(["2 + 2?"] * 2, ["#### 4", "#### 5"], reference=["4", "4"]) == [1.0, 0.0]
    with rollmill.open(workspace) as opened:
        rollouts = opened.rollouts(dataset="arithmetic")
        print(f"{len(rollouts.fetchall()):,} rollouts, {len(rollouts.filter('kept').fetchall()):,} kept")
        assert rollouts.filter("kept").fetchall()
        told = "which is not installed. Next: pip install 'rollmill[run]'"
        for use in (opened.pass_rates, lambda: opened.rollouts(run="r"), lambda: rollmill.curate):
            assert refusal(use).endswith(told)
    for command in (["--help"], ["curate", "recipes/arithmetic.yaml"]):
        said = subprocess.run([f"{sys.prefix}/bin/rollmill", *command], capture_output=True, text=True)
        assert (said.returncode, said.stdout) == (2, ""), said
        assert said.stderr == f"rollmill: this needs typer, {told}\n", said.stderr


def refusal(use: Callable[[], object]) -> str:
    """The words with which a use is refused; "" if it is not."""
    try:
        use()
    except rollmill.SetupError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main(sys.argv[1])
