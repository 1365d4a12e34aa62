"""The page of methods: every method of every registry with its options."""

import inspect
from typing import Any

from pydantic_core import PydanticUndefined

from docs.generate.descriptions import descriptions
from docs.generate.tables import shown_default, table, type_words
from flows.cli.make.methods import described
from flows.recipe.methods import FROM, INTERNAL_OPTIONS, OF, PROFILE_OPTIONS, SOURCE, parameters
from flows.recipe.option_types import annotations
from pipelines.registries import REGISTRIES, registry

PLACES = {
    "synthesizer": "problems: {synthesize: NAME, options: {}}",
    "engine": "generate: {engine: NAME, options: {}}",
    "verifier": "verify: [{method: NAME, options: {}}]",
    "policy": "accept: {method: NAME, options: {}}",
    "scorer": "score: [{method: NAME, options: {}}]",
    "aggregator": "metrics: [{metric: maj@k, aggregator: {method: NAME, options: {}}}]",
    "search policy": "budget: {method: search, options: {policy: {method: NAME, options: {}}}}",
    "process": "budget: {method: search, options: {process: {method: NAME, options: {}}}}",
    "budget": "budget: {method: NAME, options: {}}",
    "selector": "select: {method: NAME, options: {}}",
}
"""Where a recipe or an evaluation names a method of each role."""


def page() -> str:
    """The whole page."""
    parts = [
        "# Methods",
        "Every method that a recipe may name, with its options. A file or a package of yours adds to them: "
        "[CONTRIBUTING](../../CONTRIBUTING.md). `rollmill methods` lists them with those of installed packages.",
    ]
    for role, place in REGISTRIES.items():
        parts += [f"## {place.kind.replace('_', ' ').capitalize()}", f"```yaml\n{PLACES[role]}\n```"]
        for name, cls in registry(role).product.items():
            parts += [f"### {role}: `{name}`", described(name, cls), *_options(role, cls)]
    return "\n\n".join(parts) + "\n"


def options_of(role: str, cls: type[Any]) -> dict[str, tuple[str, str, str]]:
    """Type, default and description of every option that a recipe may give a method."""
    hidden, types, texts = PROFILE_OPTIONS | INTERNAL_OPTIONS, annotations(cls), descriptions(cls)
    options = {
        name: (type_words(types[name]) if name in types else "value", _default(parameter), texts.get(name, ""))
        for name, parameter in parameters(cls).items()
        if name not in hidden and not name.startswith("_") and not (role == "engine" and name == "model")
    }
    if SOURCE in parameters(cls):
        options[FROM] = ("text", "*required*", "Dataset version or run whose problems it starts from.")
    if role == "selector" and OF not in parameters(cls):
        options[OF] = ("text or list of text", "none", "Steps whose completions it decides on; none: all.")
    return options


def _options(role: str, cls: type[Any]) -> list[str]:
    """The table of a method's options; nothing where it has none."""
    rows = [[f"`{name}`", *cells] for name, cells in options_of(role, cls).items()]
    return [table(["option", "type", "default", "meaning"], rows)] if rows else []


def _default(parameter: inspect.Parameter) -> str:
    """The default of an option."""
    return shown_default(PydanticUndefined if parameter.default is inspect.Parameter.empty else parameter.default)
