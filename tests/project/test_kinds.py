"""The table of kinds of jobs: what each says is there, and nothing else in the tree lists kinds."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
import yaml

from rollmill.dashboards.pages.start.takes import Takes
from rollmill.ground.by_name import object_at
from rollmill.kind import Kind, Result
from rollmill.kinds import FIRST, KINDS, experiment_verbs, kind_of_recipe, kind_of_verb, listed_kinds

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "rollmill/kinds.py"
PRODUCT = ("dashboards", "flows", "pipelines", "rollmill", "storage", "docs")
STREAMS, PUBLIC = {"pilot", "judge"}, {"Completion", "SetupError"}
"""Words by which other lists are known that have two verbs: streams of completions, and the names that Python imports."""
OF_JOB = {"command", "open", "prepare", "stages", "run_of", "report", "check", "line"}
WITH_RECIPE = [kind for kind in KINDS.values() if kind.recipe is not None]


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_place_of_a_kind_is_there(kind: Kind) -> None:
    job = object_at(kind.job)
    recorded = kind.firing is not None or kind.resumes
    assert set(dir(job)) >= OF_JOB | ({"recipe"} if recorded else set())
    assert isinstance(object_at(kind.command), typer.Typer) or callable(object_at(kind.command))
    assert not kind.page or callable(object_at(kind.page))
    assert kind.result in get_args(Result)
    assert kind.about.endswith(".")
    assert kind_of_verb(kind.verb) is kind
    assert kind.form is None or kind.recipe is not None
    assert kind.form is None or isinstance(object_at(kind.form.takes), Takes)


@pytest.mark.parametrize("kind", WITH_RECIPE, ids=lambda kind: kind.verb)
def test_the_example_of_a_kind_is_one_of_its_recipes(kind: Kind) -> None:
    assert kind.recipe is not None
    data = yaml.safe_load((ROOT / kind.recipe.example).read_text())
    assert kind_of_recipe(data) is kind
    assert Path(kind.recipe.example).is_relative_to(kind.recipe.folder)
    assert kind.recipe.key in object_at(kind.recipe.schema).model_fields
    loaded = object_at(kind.recipe.loader)(ROOT / kind.recipe.example, sets=())
    assert loaded.recipe.name == data["name"]
    assert not kind.recipe.look or callable(object_at(kind.recipe.look))


@pytest.mark.parametrize("kind", [kind for kind in WITH_RECIPE if kind.firing is not None], ids=lambda kind: kind.verb)
def test_a_schedule_can_fire_a_kind_with_a_flow(kind: Kind) -> None:
    assert kind.recipe is not None
    assert kind.firing is not None
    assert object_at(kind.firing.flow).name == kind.verb
    loaded = object_at(kind.recipe.loader)(ROOT / kind.recipe.example, sets=())
    models = object_at(kind.firing.models)(loaded)
    assert models == {name: str(model) for name, model in models.items()}
    for key in kind.firing.fresh.values():
        again = object_at(kind.recipe.loader)(ROOT / kind.recipe.example, sets=[f"{key}=5"])
        assert again.canonical() != loaded.canonical()


def test_kinds_have_names_of_their_own() -> None:
    files = [kind.recipe for kind in WITH_RECIPE]
    for names in ([part.key for part in files if part], [part.noun for part in files if part], list(KINDS)):
        assert len(set(names)) == len(names)
    assert [verb for verb, source, _ in listed_kinds() if source == "rollmill"] == list(KINDS)
    assert experiment_verbs() == ["trial", "loop"]
    assert FIRST.verb == "curate"


def words_of(node: ast.expr) -> list[Any]:
    """The texts that a literal lists: its items, or the keys of a dictionary."""
    items = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
    return [item.value for item in items if isinstance(item, ast.Constant)]


def second_lists(source: str) -> Iterator[str]:
    """Literals that list kinds, by verb or by the key of their recipes, and comparisons of a verb with several kinds."""
    keys = {kind.recipe.key for kind in WITH_RECIPE if kind.recipe} | {f"{k.recipe.key}:" for k in WITH_RECIPE if k.recipe}
    compared: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict):
            words = set(words_of(node))
            # A row of a result may have the names of two things in it that a verb makes.
            most = 2 if isinstance(node, ast.Dict) else 1
            if (len(words & set(KINDS)) > most or len(words & keys) > 1) and not words & (STREAMS | PUBLIC):
                yield f"line {node.lineno}: {', '.join(sorted(words & (set(KINDS) | keys)))}"
        elif isinstance(node, ast.Compare) and ast.unparse(node.left).rpartition(".")[2] in ("verb", "words[0]"):
            compared |= {str(part.value) for part in node.comparators if isinstance(part, ast.Constant)} & set(KINDS)
    if len(compared) > 1:
        yield f"compares verbs: {', '.join(sorted(compared))}"


def test_no_other_file_lists_kinds() -> None:
    files = [path for folder in PRODUCT for path in sorted((ROOT / folder).rglob("*.py")) if path.resolve() != TABLE]
    assert len(files) > 1_000
    found = {str(path.relative_to(ROOT)): list(second_lists(path.read_text(encoding="utf-8"))) for path in files}
    assert {name: lists for name, lists in found.items() if lists} == {}


@pytest.mark.parametrize(
    "source",
    [
        'RUNS = ("curate", "evaluate", "sweep", "runs")',
        'Verb = Literal["curate", "train"]',
        'for kind in ("trial", "loop"): pass',
        'WHAT = {"train": 1, "trial": 2, "loop": 3}',
        'MARKS = ["recipe_schema:", "mix_schema:"]',
        'if job.verb == "mix":\n    pass\nelif job.verb == "sweep":\n    pass',
    ],
)
def test_a_second_list_is_seen(source: str) -> None:
    assert len(list(second_lists(source))) == 1


def test_other_words_are_no_list() -> None:
    assert list(second_lists('SPLITS = ("train", "heldout")\nif item.verb == "evaluate": pass')) == []
