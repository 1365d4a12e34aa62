"""The options of a method as a form and the reference show them: type, default and description, without building it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from inspect import Parameter
from pathlib import Path
from typing import Any

from rollmill.flows.recipe.methods import FROM, INTERNAL_OPTIONS, OF, PROFILE_OPTIONS, SOURCE, method_class, parameters
from rollmill.flows.recipe.option_types import annotations
from rollmill.flows.recipe.step_rules import is_model_free
from rollmill.ground.errors import SetupError
from rollmill.ground.form_fields import descriptions
from rollmill.ground.recipe_steps import IMPORTED
from rollmill.roles.protocols import BuiltOfMethods
from rollmill.roles.registries import registry

REQUIRED = Parameter.empty
"""Default of an option that must be given."""


_RATES: Sequence[tuple[str, Any, Any, str]] = (
    ("least", float, 0.0, "Least pass rate of a problem to keep rows of, over all judged completions that it sees."),
    ("most", float, 1.0, "Greatest pass rate of a problem to keep rows of."),
    ("least_judged", int, 1, "Fewest judged completions behind that rate."),
)


@dataclass(frozen=True, slots=True)
class MethodOption:
    """Option of a method. `role`: that of the method that it names itself, if it does."""

    name: str
    annotation: Any
    default: Any
    help: str
    role: str | None = None


def options_of_class(role: str, cls: type[Any]) -> Iterator[MethodOption]:
    """Options that a recipe may give a method of this class."""
    hidden, types, texts = PROFILE_OPTIONS | INTERNAL_OPTIONS, annotations(cls), descriptions(cls)
    nested: Mapping[str, str] = cls.nested if isinstance(cls, BuiltOfMethods) else {}
    # The signature of a dataclass has a placeholder where a factory makes the default.
    made = {field.name: field.default_factory for field in fields(cls)} if is_dataclass(cls) else {}
    for name, parameter in parameters(cls).items():
        # An engine's model is a key of `generate`, beside the options.
        if name not in hidden and not name.startswith("_") and not (role == "engine" and name == "model"):
            factory = made.get(name, MISSING)
            default = parameter.default if factory is MISSING else factory()
            yield MethodOption(name, types.get(name, Any), default, texts.get(name, ""), nested.get(name))
    if SOURCE in parameters(cls):
        yield MethodOption(FROM, str, REQUIRED, "Dataset version or run whose problems it starts from.")
    # Any selector can be limited to steps, by a wrapper around it; some have an `of` of their own.
    if role == "selector" and OF not in parameters(cls):
        yield MethodOption(OF, str | list[str], None, "Steps whose completions it decides on; none: all.")
    if role == "selector":
        # By a wrapper too.
        for name, kind, default, text in _RATES:
            if name not in parameters(cls):
                yield MethodOption(name, kind, default, text)


def options_of(role: str, name: str, base: Path) -> list[MethodOption] | None:
    """Options of a method by its name; None if there is no such method."""
    try:
        return list(options_of_class(role, method_class(role, name, base)[0]))
    # A form shows a recipe with a misspelt method too.
    except SetupError:
        return None


def method_names(role: str, current: Any, base: Path, *, draws: bool) -> tuple[Any, ...]:
    """Registered names of a role, with `current` added if it is another. `draws`: only engines that have a model."""
    known: Sequence[str] = list(registry(role))
    if role == "engine":
        known = [*(name for name in known if not (draws and is_model_free(name, base))), IMPORTED]
    return tuple(known) if current in known or current is None else (current, *known)
