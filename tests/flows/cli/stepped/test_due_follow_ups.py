"""Answers that are called wrong only later, by a changed verifier: what follows them is drawn then."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollmill.pipelines.verify import number
from rollmill.pipelines.verify.answers.equality import versioned
from rollmill.pipelines.verify.number import NumberVerifier
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run, said_as_json

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: mended
problems: {synthesize: templates, count: 12, options: {levels: [4, 5]}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 80}
steps:
  - {name: solve, count: 3}
  - {name: fix, template: "{prompt}\\n{solve}\\nOnce more.", when: {solve: incorrect}, count: 2, max_tokens: 30}
verify: [{method: number}]
gate: {min_kept: 1, max_undecided: 0.1}
"""


@pytest.fixture
def mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    Workspace.init(tmp_path).close()
    Path("mended.yaml").write_text(RECIPE)
    return said_as_json(rollmill, "curate", "mended.yaml", "--direct")


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From then on an even number is no right answer."""

    def change() -> None:
        decide = number._decide

        def odd(*arguments: Any) -> Any:
            outcome, rule, *rest = decide(*arguments)
            return ("incorrect" if outcome == "correct" and arguments[2].value % 2 == 0 else outcome, rule, *rest)

        rules = tuple((name, "odd") for name, _ in NumberVerifier.rules)
        before, after = (versioned("", listed) for listed in (NumberVerifier.rules, rules))
        monkeypatch.setattr(number, "_decide", odd)
        monkeypatch.setattr(NumberVerifier, "version", NumberVerifier.version.replace(before, after))
        monkeypatch.setattr(NumberVerifier, "rules", rules)

    return change


def steps(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in made["steps"]}


@pytest.mark.parametrize("accepted", [False, True], ids=["curate", "reverify --accept"])
def test_a_changed_verifier_has_what_follows_drawn(
    mended: dict[str, Any], strict: Callable[[], None], rollmill: Run, *, accepted: bool
) -> None:
    """Whoever does not look at the changes first gets the same."""
    strict()
    if accepted:
        said_as_json(rollmill, "reverify", mended["run"], "--accept")
    again = said_as_json(rollmill, "curate", "mended.yaml", "--direct")
    before, after = steps(mended), steps(again)
    more = before["solve"]["correct"] - after["solve"]["correct"]
    assert more > 0
    assert after["fix"]["drawn"] - before["fix"]["drawn"] == again["spent"]["drawn"] == 2 * more
    assert (again["created"], again["version"]) == (True, 2)
    assert said_as_json(rollmill, "curate", "mended.yaml", "--direct")["spent"]["drawn"] == 0
