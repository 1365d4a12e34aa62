"""What people get wrong in recipes of steps, in sources of problems and in evaluations, before anything is drawn.

Each is one line with the file, what is wrong and what to do next, and status 2. Each was once taken by the check, or
answered with the help of a command as the next step.
"""

from pathlib import Path

import pytest

from tests.flows.cli.test_bad_input import refused
from tests.flows.conftest import RECIPE, Run

pytestmark = pytest.mark.integration

HEAD = RECIPE.partition("budget:")[0]
SOLVE = "steps:\n  - {name: solve, count: 2}\n"
AGAIN = "Next: correct it, then rollmill recipe check r.yaml"


def fix(keys: str) -> str:
    """A step behind `solve`, with its keys."""
    return f"{SOLVE}  - {{name: fix, {keys}}}\n"


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (
            'steps:\n  - {name: a, template: "{prompt} {b}"}\n  - {name: b, template: "{prompt} {a}"}\n',
            "step 'a' names 'b', which comes after it: a step follows earlier ones. Next: put step 'b' before it",
        ),
        (fix('template: "{prompt} {fix}"'), "step 'fix' names itself: a step follows earlier ones. Next: repeat: 2 lets"),
        (
            fix('template: "{solve}", when: {last: correct}') + "  - {name: last}\n",
            "'fix' names 'last', which comes after it",
        ),
        (fix('template: "{prompt} {sovle}"'), "step 'fix' has {sovle}, which names no earlier step"),
        (fix('template: "{solve}", when: {solve: []}'), "steps.1.when.solve: one at least is needed, found []"),
        (
            fix('template: "{prompt} {solve*}", gather: 3'),
            "no group would be complete. Next: gather: 2, or",
        ),
        (fix("template: [{role: robot, content: x}]"), "steps.1.template.0.role: input should be 'system', 'user' or"),
        (fix("template: 5"), "steps.1.template: input should be a valid string, found 5"),
        (SOLVE + "  - {name: Fix It}\n", "steps.1.name: a name holds a-z, 0-9, '_' and '-', 63 at most, found 'Fix It'"),
        (fix('engine: opnai, template: "{solve}"'), "unknown engine 'opnai'. Did you mean 'openai'?"),
        (fix('engine: openai, template: "{solve}"'), "step 'fix' names engine 'openai' and no model. Next: model: NAME"),
        (fix('engine: edit, model: digitt, template: "{solve}"'), "unknown editor 'digitt'. Did you mean 'digit'?"),
        (
            fix('engine: edit, model: upto_step, template: "{solve}", options: {step: "{mark.step}"}'),
            "unknown step in option 'step' 'mark' of step 'fix'",
        ),
        ("steps:\n  - {name: a}\n  - {name: b, temperature: 0.5}\n", "steps a, b follow nothing, and budget 'fixed'"),
        (
            "steps:\n  - {name: a}\n  - {name: b, temperature: 0.5}\n"
            "budget: {method: router, options: {token_cost: {c: 2}}}\n",
            "token_cost names 'c', which is not a step. Valid: a, b.",
        ),
        ("verify: [{method: judge, options: {votes: 0}}]\n", "r.yaml: verifier 'judge': votes is 0"),
        ("budget: {method: fixed, options: {initial: 0}}\n", f"must be a whole number of at least 1. {AGAIN}"),
    ],
    ids=lambda text: text[:48],
)
def test_steps_and_options(toy: Path, rollmill: Run, steps: str, told: str) -> None:
    head = HEAD.partition("verify:")[0] if "verify:" in steps else HEAD
    (toy / "r.yaml").write_text(head + steps)
    refused(rollmill("recipe", "check", "r.yaml"), "rollmill: r.yaml", told)


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("problems: {version: nope}", "nope"),
        ("problems: {version: nope@v3}", "nope"),
        ("generate: {model: m, examples_from: {imported: nope}}", "nope"),
        ("generate: {model: m, examples_from: {version: nope}}", "nope"),
    ],
)
def test_sets_that_are_not_there(toy: Path, rollmill: Run, section: str, told: str) -> None:
    name = section.partition(":")[0]
    parts = {"problems": "problems: {synthesize: templates, count: 4}", "generate": "generate: {engine: toys.py:ToyEngine}"}
    given = section.replace("{model: m", "{engine: toys.py:ToyEngine, model: toy-1") if name == "generate" else section
    text = "\n".join(["recipe_schema: 1", "name: t", *(given if key == name else part for key, part in parts.items()), ""])
    (toy / "r.yaml").write_text(text)
    refused(rollmill("recipe", "check", "r.yaml"), "rollmill: r.yaml", told)


@pytest.mark.parametrize(
    ("command", "text", "told"),
    [
        (
            "recipe show f.yaml",
            "evaluation_schema: 1\n",
            "f.yaml is an evaluation, not a recipe. Next: rollmill evaluate f.yaml",
        ),
        (
            "recipe check f.yaml",
            "profile_schema: 1\n",
            "f.yaml is a profile, not a recipe. Next: rollmill curate RECIPE --profile",
        ),
        ("evaluate f.yaml", "recipe_schema: 1\n", "f.yaml is a recipe, not an evaluation. Next: rollmill curate"),
        ("curate toy.yaml --direct --profile f.yaml", "recipe_schema: 1\n", "f.yaml is a recipe, not a profile"),
    ],
)
def test_a_file_of_another_kind(toy: Path, rollmill: Run, command: str, text: str, told: str) -> None:
    (toy / "f.yaml").write_text(text)
    refused(rollmill(*command.split(" ")), told)


EVALUATION = """\
evaluation_schema: 1
name: e
benchmarks: [{name: b, synthesize: templates, count: 5}]
models: [{name: toy, engine: "toys.py:ToyEngine", model: toy-1}]
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("synthesize: templates, count: 5", "imported: nope", "unknown imported set of problems 'nope'"),
        ("synthesize: templates, count: 5", "version: nope", "nope"),
        ('engine: "toys.py:ToyEngine", model: toy-1', "model: nope/nope", "no model folder 'nope/nope'"),
        (
            "models:",
            "metrics: [{metric: pass@k, ks: [0]}]\nmodels:",
            "metrics.0.ks.0: input should be greater",
        ),
        ("models:", "metrics: [{metric: pas@k}]\nmodels:", "unknown metric 'pas@k'. Did you mean 'pass@k'?"),
        ("models:", "metrics: [{metric: aggregate@k, aggregator: nope}]\nmodels:", "unknown aggregator 'nope'"),
        ("models:", "score: [{method: nope}]\nmodels:", "unknown scorer 'nope'"),
    ],
    ids=lambda text: text[:40],
)
def test_the_dry_run_of_an_evaluation_looks(toy: Path, rollmill: Run, old: str, new: str, told: str) -> None:
    assert old in EVALUATION
    (toy / "e.yaml").write_text(EVALUATION.replace(old, new, 1))
    refused(rollmill("evaluate", "e.yaml", "--dry-run"), "e.yaml", told)


def test_an_evaluation_that_can_run_passes_its_dry_run(toy: Path, rollmill: Run) -> None:
    (toy / "e.yaml").write_text(EVALUATION)
    result = rollmill("evaluate", "e.yaml", "--dry-run")
    assert (result.status, result.out) == (0, "e.b.toy: 8 completions of each of 5 problems\nNothing was written.\n")
