"""The generated pages of the reference: every key, option, verb and parameter is there, and is described."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from typer.main import get_command

from docs.generate import GENERATED, command_line, methods, recipe_keys, suites
from docs.generate.tables import shown_default, table, type_words
from rollmill.flows import cli
from rollmill.ground.form_fields import descriptions, first_sentence
from rollmill.pipelines.certify.suites import SUITES
from rollmill.pipelines.select.quota import Quota
from rollmill.roles.registries import REGISTRIES, registry

NOT_DESCRIBED = re.compile(r"^\| `[^|]+` \|.*\| +\|$", flags=re.MULTILINE)
METHODS = [(role, name) for role in REGISTRIES for name in filter(registry(role).is_ours, registry(role))]


def verbs(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, child in getattr(command, "commands", {}).items():
        yield from verbs(child, (*path, name)) if hasattr(child, "commands") else [((*path, name), child)]


@pytest.mark.parametrize("place", GENERATED)
def test_the_page_in_the_checkout_is_the_one_that_the_code_makes(place: str) -> None:
    committed = (Path(__file__).parents[2] / "docs" / place).read_text(encoding="utf-8")
    assert committed == import_module(f"docs.generate.{GENERATED[place]}").page(), "run python -m docs.generate"


def test_every_key_of_the_files_is_described() -> None:
    page = recipe_keys.page()
    assert NOT_DESCRIBED.findall(page) == []
    for title, (model, _) in recipe_keys.FILES.items():
        section = page[page.index(f"## {title}\n") :]
        assert [key for key in model.model_fields if f"| `{key}` |" not in section] == []
    for section in ("### `generate.examples_from`", "### `gate.contamination`", "### Profile: `prices.models.NAME`"):
        assert section in page


@pytest.mark.parametrize(("role", "name"), METHODS)
def test_every_option_of_a_method_is_described(role: str, name: str) -> None:
    options = methods.options_of(role, registry(role)[name])
    assert [option for option, (_, _, text) in options.items() if not text] == []


def test_the_page_of_methods_has_all_of_them() -> None:
    page = methods.page()
    assert [pair for pair in METHODS if f"### {pair[0]}: `{pair[1]}`\n" not in page] == []


def test_every_verb_and_its_options_are_on_the_page_of_the_command_line() -> None:
    page = command_line.page()
    assert NOT_DESCRIBED.findall(page) == []
    for path, command in verbs(get_command(cli.build())):
        section = page[page.index(f"### rollmill {' '.join(path)}\n") :].partition("\n### ")[0]
        for parameter in command.params:  # type: ignore[attr-defined]
            shown = parameter.hidden or parameter.name == "help" or parameter.opts[0] in section
            assert shown or (parameter.metavar or "") in section, (path, parameter.name)


def test_the_page_of_suites_counts_the_rows_of_each() -> None:
    page = suites.page()
    assert [name for name in SUITES if f"\n| `{name}` | " not in page] == []
    assert "| `votes` | 1572 | 336 | 324 | 9 | 496 | 352 | 24 | 27 | 4 |\n" in page
    for name, text in suites.SECTIONS.items():
        assert f"- **{name.replace('_', ' ').capitalize()}**: {text}\n" in page


def test_an_option_is_described_under_its_field_or_in_the_docstring() -> None:
    class Described:
        """`first`: the one that
        comes first. `second`, `third`: the others; all of them.
        """

    Described.__module__ = "rollmill.pipelines.described"
    others = "The others; all of them."
    assert descriptions(Described) == {"first": "The one that comes first.", "second": others, "third": others}
    assert descriptions(Quota)["per_problem"] == "Most solutions to keep for each problem."


def test_an_argument_is_described_in_the_constructor() -> None:
    class Built:
        def __init__(self, one: int, other: int) -> None:
            """Take options.

            Args:
                one: The first, in a text that
                    goes on.
                other: The second. It is longer.
            """

    Built.__module__ = "rollmill.pipelines.built"
    assert descriptions(Built) == {"one": "The first, in a text that goes on.", "other": "The second."}


def test_cells_stay_cells() -> None:
    assert table(["a"], [["x | y\nz"]]).splitlines()[2] == "| x \\| y z |"
    assert [shown_default(value) for value in (None, 8, "x", (), "a" * 80)] == ["none", "`8`", '`"x"`', "none", "*a text*"]
    assert type_words(list[str] | None) == "list of text"
    assert first_sentence("the first; one. The second.") == "The first; one."
