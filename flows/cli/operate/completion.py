"""Completion of a shell: the recipes, datasets, models, runs and verifiers that an argument may name here.

An argument is known by its metavar: `RECIPE`, `DATASET|RUN`, `NAME[:MODEL]`. Nothing is written, and where there is no
workspace nothing is offered.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WANTED = "_ROLLMILL_COMPLETE"  # the variable by which the shell's script asks


def complete_values(program: Any) -> None:
    """Let every argument and option of the program, a click command, offer what its metavar names."""
    for group, command in _commands(program):
        for parameter in command.params:
            named = re.sub(r"\[.*?\]", "", parameter.metavar or parameter.name.upper())  # NAME[:MODEL]
            known = OFFERED | (IN_GROUPS.get(group, {}) if parameter.param_type_name == "argument" else {})
            offers = [known[word] for word in re.findall("[A-Z]+", named) if word in known]
            if offers:
                parameter.shell_complete = _offer(offers)


def _commands(program: Any, group: str = "") -> Iterator[tuple[str, Any]]:
    """Every command, each with the verb of the program that it belongs to."""
    yield group, program
    for name, command in getattr(program, "commands", {}).items():
        yield from _commands(command, group or name)


def _offer(offers: list[Callable[[], Iterator[str]]]) -> Callable[[Any, str], list[Any]]:
    from click.shell_completion import CompletionItem

    def offered(_context: Any, incomplete: str) -> list[Any]:
        try:
            names = [name for offer in offers for name in offer() if name.startswith(incomplete)]
        except Exception:  # a traceback in the middle of what a person types helps nobody
            return []
        return [CompletionItem(name) for name in dict.fromkeys(names)]

    return offered


def _recipes() -> Iterator[str]:
    """YAML files of this folder and below `recipes`."""
    yield from sorted(str(path) for pattern in ("*.yaml", "recipes/**/*.yaml") for path in Path().glob(pattern))


def _shipped() -> Iterator[str]:
    """The names of the recipes that come with the program."""
    from rollmill.flows.recipe.shipped import shipped_recipes

    yield from shipped_recipes()


def _folders(place: str) -> Iterator[str]:
    """The names of datasets or models, each followed by its versions."""
    from rollmill.storage.versions.index import load_index
    from rollmill.storage.workspace import Workspace

    with Workspace.open(read_only=True) as workspace:
        root = workspace.root / place
        for name in sorted(path.parent.name for path in root.glob("*/index.json")):
            yield name
            if place == "datasets":
                yield from (f"{name}@v{entry.number}" for entry in reversed(load_index(root, name).versions))


def _runs() -> Iterator[str]:
    """The runs of this workspace, the latest first."""
    from rollmill.storage.workspace import Workspace

    with Workspace.open(read_only=True) as workspace:
        yield from (run.id for run in workspace.runs.list())


def _verifiers() -> Iterator[str]:
    from rollmill.roles.registries import registry

    yield from sorted(registry("verifier"))


def _named() -> Iterator[str]:
    """References that comparisons and cards take: evaluations, runs and versions."""
    yield from _folders("datasets")
    yield from _runs()


OFFERED: dict[str, Callable[[], Iterator[str]]] = {
    "DATASET": lambda: _folders("datasets"),
    "MODEL": lambda: _folders("models"),
    "NAME": _named,
    "POOL": _named,
    "RECIPE": _recipes,
    "RUN": _runs,
    "SHIPPED": _shipped,
    "VERIFIER": _verifiers,
}


IN_GROUPS = {noun: dict.fromkeys(("NAME", "VERSION"), OFFERED[noun.upper()]) for noun in ("dataset", "model")}
"""What the arguments of datasets' and of models' verbs name: both have one code."""


def wanted() -> bool:
    """True in a process that a shell started to complete what a person types."""
    return WANTED in os.environ
