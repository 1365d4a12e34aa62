"""No product file outside the registries compares with a method's name: a method declares what others need of it."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.roles.registries import REGISTRIES, registry

ROOT = Path(__file__).resolve().parents[2]
OURS = [(registry(role), name) for role in REGISTRIES for name in filter(registry(role).is_ours, registry(role))]
NAMES = {name for _, name in OURS}
CLASSES = {known[name].__name__ for known, name in OURS}
# Fields and keys that hold the name of a method.
HOLDERS = {"method", "engine", "name", "verifier", "scorer", "selector", "budget", "policy", "aggregator", "synthesizer"}
REGISTRY_FOLDERS = {
    place.module.removeprefix("rollmill.").removesuffix(".registry").replace(".", "/") for place in REGISTRIES.values()
}
ALLOWED = {
    "flows/rejudging/judgements.py": "`review` adds the verifier `person` itself",
    "methods/papers/rollmill_papers/claims/released/imported_outputs.py": "names of released outputs, not of methods",
    "pipelines/contamination/planted_copies.py": "names of levels, not of methods",
    "rollmill/steps/reading.py": "names of fields, not of methods",
    "rollmill/metrics/replay.py": "every vote is compared with one baseline",
    "pipelines/verify/code/mutants.py": "`sorted` is Python's own function",
    "pipelines/generate/vllm/vllm_settings.py": "names of guides, not of methods",
    "rollmill/ground/recipe_steps.py": "`imported` is no engine: a synthesizer has the same name",
    "storage/queries/rates.py": "names of numbers, not of methods",
    "storage/queries/models/evaluated.py": "a recorded run has names alone",
    "dashboards/pages/explore/table.py": "names of columns, not of methods",
    "dashboards/pages/difficulty/budget.py": "a recorded recipe has names alone",
}


def product_files() -> list[str]:
    folders = ("flows", "pipelines", "storage", "dashboards", "rollmill", "methods")
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return [
        name
        for name in listed.stdout.splitlines()
        if name.endswith(".py") and str(Path(name).parent) not in REGISTRY_FOLDERS
    ]


def names_in(node: ast.expr, constants: dict[str, ast.expr]) -> set[str]:
    """The texts of an expression: itself, the members of a literal, a constant of the module; `Class.name` as it stands."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.List(elts=parts):
            return {name for part in parts for name in names_in(part, constants)}
        case ast.Call(args=[part], func=ast.Name(id="frozenset" | "set" | "tuple")):
            return names_in(part, constants)
        case ast.Name(id=name) if name in constants:
            return names_in(constants[name], {})
        case ast.Attribute(attr="name", value=ast.Name(id=cls)) if cls in CLASSES:
            return {f"{cls}.name"}
    return set()


def holds_a_name(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(attr=word) | ast.Name(id=word):
            return word in HOLDERS
        case (
            ast.Subscript(slice=ast.Constant(value=word))
            | ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=word), *_])
        ):
            return word in HOLDERS
    return False


def comparisons(source: str) -> Iterator[str]:
    """The comparisons of what holds a method's name with such a name."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            names = {name for side in sides for name in names_in(side, constants)}
            if any(map(holds_a_name, sides)) and any(name in NAMES or name.endswith(".name") for name in names):
                yield ast.unparse(node)


@pytest.mark.parametrize(
    "line",
    [
        "spec.budget.name != Fixed.name",
        "recipe['budget']['method'] in ('uniform', 'fixed')",
        "part.get('engine', '') == 'vllm'",
        "PLAIN = frozenset({'fixed'})\nbudget.method in PLAIN",
    ],
)
def test_a_comparison_with_a_name_is_seen(line: str) -> None:
    assert list(comparisons(line)) == [line.splitlines()[-1]]


@pytest.mark.parametrize(
    "line", ["completion.finish_reason == 'length'", "problem.kind == 'choice'", "self.method == other"]
)
def test_other_comparisons_are_not(line: str) -> None:
    assert list(comparisons(line)) == []


def test_nobody_outside_a_registry_knows_a_method_by_its_name() -> None:
    known = {name: list(comparisons((ROOT / name).read_text())) for name in product_files()}
    assert {name: lines for name, lines in known.items() if lines and name not in ALLOWED} == {}
    assert {name for name in ALLOWED if not known[name]} == set()
