"""The page of methods: every method of every registry with its options."""

from typing import Any

from pydantic_core import PydanticUndefined

from docs.generate.tables import shown_default, table, type_words
from rollmill.flows.cli.make.methods import described
from rollmill.flows.recipe.method_options import REQUIRED, options_of_class
from rollmill.roles.registries import REGISTRIES, registry

PLACES = {
    "synthesizer": "problems: {synthesize: NAME, options: {}}",
    "engine": "generate: {engine: NAME, options: {}}",
    "warp": "generate: {warp: [{method: NAME, options: {}}]}",
    "decoder": "generate: {decode: {method: NAME, options: {}}}",
    "verifier": "verify: [{method: NAME, options: {}}]",
    "policy": "accept: {method: NAME, options: {}}",
    "scorer": "score: [{method: NAME, options: {}}]",
    "aggregator": "metrics: [{metric: maj@k, aggregator: {method: NAME, options: {}}}]",
    "search policy": "budget: {method: search, options: {policy: {method: NAME, options: {}}}}",
    "process": "budget: {method: search, options: {process: {method: NAME, options: {}}}}",
    "allocator": "rollmill replay POOL --allocator 'NAME option=value'",
    "budget": "budget: {method: NAME, options: {}}",
    "selector": "select: {method: NAME, options: {}}",
    "guarantee": "rollmill select RUN --guarantee 'NAME option=value'",
    "round policy": "policies: [{method: NAME, options: {}}]   # of a loop",
    "set method": "choose: {method: NAME, options: {}}   # of a mixture",
    "learner": "learner: {method: NAME, options: {}}   # of a training",
    "loss": "loss: {method: NAME, options: {}}   # of a training",
    "order": "order: {method: NAME, options: {}}   # of a training",
    "measure": "measure: {method: NAME, options: {}}   # of a study",
    "export": "format: NAME                              # of a training; on the command line --format NAME",
}
"""Places in a recipe or an evaluation that name a method of each role."""


def page() -> str:
    """The whole page."""
    parts = [
        "# Methods",
        "Every method that a recipe may name, with its options. A file or a package of yours adds to them: "
        "[CONTRIBUTING](../CONTRIBUTING.md). `rollmill methods` lists them with those of installed packages.",
    ]
    for role, place in REGISTRIES.items():
        parts += [f"## {place.kind.replace('_', ' ').capitalize()}", f"```yaml\n{PLACES[role]}\n```"]
        known = registry(role)
        for name in filter(known.is_ours, known):
            parts += [f"### {role}: `{name}`", described(name, known[name]), *_options(role, known[name])]
    return "\n\n".join(parts) + "\n"


def options_of(role: str, cls: type[Any]) -> dict[str, tuple[str, str, str]]:
    """Type, default and description of every option that a recipe may give a method."""
    return {
        option.name: (
            "value" if option.annotation is Any else type_words(option.annotation),
            shown_default(PydanticUndefined if option.default is REQUIRED else option.default),
            option.help,
        )
        for option in options_of_class(role, cls)
    }


def _options(role: str, cls: type[Any]) -> list[str]:
    """The table of a method's options; nothing if it has none."""
    rows = [[f"`{name}`", *cells] for name, cells in options_of(role, cls).items()]
    return [table(["option", "type", "default", "meaning"], rows)] if rows else []
