"""Method names of a recipe to classes: a registry's or a package's name, `package.module:Class`, or `file.py:Class`.

Checks names and options against the registries and the constructors; runs nothing.
"""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rollmill.flows.recipe.option_types import check_option_types
from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import canonical_json, sha256_text
from rollmill.pipelines.method_checks import check_method
from rollmill.pipelines.own_code import part_digest, remember
from rollmill.pipelines.select.of_steps import RATES, OfSteps, WithinRates
from rollmill.roles.protocols import BuiltOfMethods
from rollmill.roles.registries import registry, shelf_command
from rollmill.roles.user_code import NoFile, NotLoaded, classes_of, load_module, signed, source_of

SOURCE = "source"  # what a synthesizer takes that makes problems of others
# What a profile decides, though a constructor takes it: these cannot change a row.
PROFILE_OPTIONS = frozenset({"threads", "workers", "http", "vllm", "samplers", "trainer_python"})
# What constructors take for tests and benchmarks: where work is done and how much it may use, never what is concluded.
INTERNAL_OPTIONS = frozenset({"job", "path", "limits", "generator", "sampler", "cast", "recipe_folder", SOURCE})
DIGEST, PACKAGE = "source_sha256", "source_package"
ORIGIN = (DIGEST, PACKAGE)
"""The keys of a recorded recipe that name the origin of a method from outside the product."""
FROM = "from"
"""The option that names a synthesizer's source: its builder reads the source and passes it as `source`."""
OF = "of"
"""The option that names steps: those whose rollouts a selector decides on, or whose votes a scorer or verifier reads."""


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """A class with its full options: the recipe's, and the constructor's defaults where they are plain values.

    `source_sha256`: digest of the file of a class that is not the product's.
    `package`: name and version of the package whose entry point names it.
    `parts`: the methods inside options that are methods themselves; a class names those in `nested`, with their role.
    `base`: the recipe's folder, for a class that looks for files of the user's there (its option `recipe_folder`).
    """

    role: str
    name: str
    cls: type[Any]
    options: Mapping[str, Any]
    source_sha256: str | None = None
    parts: Mapping[str, "tuple[MethodSpec, ...]"] = field(default_factory=dict)
    base: Path | None = None
    package: str | None = None

    def build(self, **profile: Any) -> Any:
        """An instance, with those of the profile's options that the constructor takes."""
        given = {**profile, "recipe_folder": None if self.base is None else str(self.base)}
        known = parameters(self.cls)
        if "samplers" in known and "samplers" not in given:
            from rollmill.pipelines.generate.direct import DirectSamplers

            given["samplers"] = DirectSamplers(**profile)  # no run: nothing to store it in, and nobody to charge
        taken = {key: value for key, value in given.items() if key in known}
        inside = {key: [part.build(**profile) for part in parts] for key, parts in self.parts.items()}
        try:
            wrapped = (OF,) if self.of_steps else ()
            own = {key: value for key, value in self.options.items() if key != FROM and key not in (*wrapped, *self.rates)}
            built = self.cls(**own | inside, **taken)
            within = WithinRates(built, **self.rates) if self.rates else None
        except (ValueError, TypeError) as error:
            raise SetupError(f"{self.role} {self.name!r}: {str(error).rstrip('.')}.") from None
        check_method(self.role, self.name, built)
        if self.mark:
            signed(built, "model_digest" if self.role == "engine" else "version", self.mark)
        chosen: Any = built if within is None else within
        return OfSteps(chosen, self.of_steps) if self.of_steps else chosen

    @property
    def of_steps(self) -> tuple[str, ...]:
        """The steps that a selector's option `of` names; none without it, or where it is the class's own option."""
        wraps = self.role == "selector" and OF in self.options and OF not in parameters(self.cls)
        return tuple(self.options[OF]) if wraps else ()

    @property
    def rates(self) -> dict[str, Any]:
        """The bounds of difficulty of a selector that has no options of these names itself."""
        return {} if self.role != "selector" else _rates_selected(self.cls, self.options)

    def built_as(self, built: Any, recorded: str) -> bool:
        """True if an instance has the version that was recorded, maybe before versions carried a mark of their file."""
        return recorded in (built.version, str(built.version).removesuffix(self.mark))

    @property
    def mark(self) -> str:
        """Suffix of the version of a method that is not the product's: its package, and the digest of its file."""
        package = "" if self.package is None else f"+{self.package.replace(' ', '-')}"
        return package + ("" if self.source_sha256 is None else file_mark(self.source_sha256))

    def origin(self) -> dict[str, str]:
        """Digest and package that a recorded recipe keeps for a method from outside the product."""
        keys = {DIGEST: self.source_sha256, PACKAGE: self.package}
        return {key: value for key, value in keys.items() if value is not None}

    @property
    def own(self) -> bool:
        """True if the class is the product's."""
        return self.source_sha256 is None and self.package is None

    @property
    def asks_model(self) -> bool:
        """True if the method may ask a model."""
        return "samplers" in parameters(self.cls)

    @property
    def takes_source(self) -> bool:
        """True if the method makes its problems from those that its option `from` names."""
        return SOURCE in parameters(self.cls)

    @property
    def reaches_out(self) -> bool:
        """True if its options, or those of a part, let text run outside the sandbox or ask a model: a recipe of somebody
        else decides neither.
        """
        out = self.options.get("sandbox") == "none" or self.asks_model
        return out or any(part.reaches_out for parts in self.parts.values() for part in parts)

    def recorded(self) -> RecordedMethod:
        """The method as an id covers it: its version carries the package and the digest of a file."""
        folder = "" if self.base is None or self.own else str(self.base.resolve())
        return RecordedMethod(self.name, str(self.build().version), canonical_json(self.options), folder)

    def canonical(self, *, every: bool = False) -> dict[str, Any]:
        """Part of the method that belongs to the recipe's identity; a user's file counts with its content.

        `every`: with the options of later releases that have their defaults.
        """
        inside = {key: [part.canonical(every=every) for part in parts] for key, parts in self.parts.items()}
        # A recipe without an option of a later release has the hash that it had before.
        later: Mapping[str, object] = getattr(self.cls, "later_options", {}) if self.own and not every else {}
        options = {key: value for key, value in self.options.items() if key not in later or value != later[key]}
        return {"method": self.name, "options": {**options, **inside}, **self.origin()}


def file_mark(sha256: str) -> str:
    """Suffix of the version of a method in a user's own file: an edited file is another method."""
    return f"+file.{sha256[:8]}"


Found = tuple[type[Any], str | None]
"""A class in code of the user's own, and the digest of its file."""
Find = Callable[[str, str, Path], Found]
"""Finds the class for a role and a name with a colon; `base` is the recipe's folder."""


def resolve(role: str, name: str, options: Mapping[str, Any], *, base: Path, find: Find | None = None) -> MethodSpec:
    """The class behind a name with its options checked; files are searched in the recipe's folder (`base`).

    `find`: how code from outside the product is found in a recipe that the person did not name (flows/recipe/stored.py).
    """
    named = find is None
    find = find or users_own
    spec = _resolved(role, name, options, base, find)
    if named and spec.reaches_out:
        remember(part_digest(spec.canonical()))
    return spec


def _resolved(role: str, name: str, options: Mapping[str, Any], base: Path, find: Find) -> MethodSpec:
    cls, sha, package = (*find(role, name, base), None) if ":" in name else method_class(role, name, base)
    steps = _steps_selected(options) if role == "selector" and OF not in parameters(cls) else {}
    steps |= _rates_selected(cls, options) if role == "selector" else {}
    wrapping = {*steps, *(RATES.keys() - parameters(cls).keys() if role == "selector" else ())}
    own = {key: value for key, value in options.items() if key not in wrapping}
    checked = {**_checked(role, name, cls, own), **steps}
    nested: Mapping[str, str] = cls.nested if isinstance(cls, BuiltOfMethods) else {}
    parts = {key: _parts(f"{name}.{key}", inner, checked.get(key), (base, find)) for key, inner in nested.items()}
    return MethodSpec(role, name, cls, checked, sha, parts, base, package)


def method_class(role: str, name: str, base: Path) -> tuple[type[Any], str | None, str | None]:
    """The class behind a name, the digest of its file where it is not the product's, and the package that brings it."""
    if ":" in name:
        return *users_own(role, name, base), None
    known = registry(role)
    if name not in known:
        raise unknown_name(role, name, known, next_command=shelf_command())
    cls, package = known[name], known.package(name)
    return cls, None if package is None else _digest(sys.modules[cls.__module__]), package


def _steps_selected(options: Mapping[str, Any]) -> dict[str, Any]:
    """The steps that a selector decides on, as a list; nothing if it names none."""
    steps = options.get(OF)
    if steps is None:
        return {}
    if not steps or not isinstance(steps, (str, list, tuple)):
        raise SetupError(f"option 'of' of the selector names no step: {steps!r}.", choices=("a step", "a list of steps"))
    return {OF: [steps] if isinstance(steps, str) else list(steps)}


def _rates_selected(cls: type[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    known = parameters(cls)
    # A default says nothing, and an older recipe keeps its hash.
    return {key: options[key] for key in RATES if key not in known and options.get(key, RATES[key]) != RATES[key]}


def parameters(cls: type[Any]) -> Mapping[str, inspect.Parameter]:
    """The options a constructor takes by keyword."""
    skip = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return {name: p for name, p in inspect.signature(cls).parameters.items() if p.kind not in skip}


def _checked(role: str, name: str, cls: type[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    hidden = PROFILE_OPTIONS | INTERNAL_OPTIONS
    known = {key: p for key, p in parameters(cls).items() if key not in hidden and not key.startswith("_")}
    sourced = [FROM] if SOURCE in parameters(cls) else []
    for key in options:
        if key in PROFILE_OPTIONS:
            raise SetupError(f"{role} {name!r}: {key!r} cannot change a row; it belongs in a profile.")
        if key not in (*known, *sourced):
            raise unknown_name(f"option of {role} {name!r}", str(key), [*known, *sourced])
    # An engine's model is named beside its options and given to it later.
    if registry(role).is_ours(name):
        inside: list[str] = (
            list(cls.nested) if isinstance(cls, BuiltOfMethods) else []
        )  # methods themselves, looked at as such
        plain = {key: value for key, value in options.items() if key in known and key not in inside}
        check_option_types(f"{role} {name!r}", cls, plain)
    needed = [*sourced, *(key for key, p in known.items() if p.default is inspect.Parameter.empty)]
    missing = [key for key in needed if key not in options]
    if missing and role != "engine":
        raise SetupError(f"{role} {name!r} needs the option {missing[0]!r}.", choices=sorted([*known, *sourced]))
    defaults = {key: _plain(p.default) for key, p in known.items() if _is_plain(p.default)}
    made = _made_defaults(cls)
    given = {key: _plain(value) for key, value in options.items()}
    return {**defaults, **{key: value for key, value in given.items() if key not in made or value != made[key]}}


def _made_defaults(cls: type[Any]) -> dict[str, Any]:
    """Defaults that a dataclass makes for each instance: an option that equals its own is left out, as if not given."""
    made = fields(cls) if is_dataclass(cls) else ()
    return {part.name: _plain(part.default_factory()) for part in made if part.default_factory is not MISSING}


def _parts(where: str, role: str, given: Any, place: tuple[Path, Find]) -> tuple[MethodSpec, ...]:
    """The methods that a list of {method, options} names, or one of them, or a name alone; additions of a canonical form
    are ignored.
    """
    given = {"method": given} if isinstance(given, str) else given
    given = [given] if isinstance(given, Mapping) else given
    if not isinstance(given, list) or not all(isinstance(item, Mapping) for item in given):
        raise SetupError(f"{where} is not a list of methods.", next_command=f"{where}: [{{method: NAME, options: {{}}}}]")
    methods = []
    for item in given:
        options = item.get("options") or {}
        for key in sorted(item.keys() - {"method", "options", *ORIGIN}):
            raise unknown_name(f"key of {where}", str(key), ("method", "options"))
        if not isinstance(item.get("method"), str) or not isinstance(options, Mapping):
            raise SetupError(f"{where}: every entry needs a method, and its options are a mapping.")
        methods.append(_resolved(role, item["method"], options, *place))
    return tuple(methods)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list, range)):
        return all(_is_plain(item) for item in value)
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, float, str))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (tuple, list, range)) else value


def users_own(role: str, name: str, base: Path) -> Found:
    """The class in a file or module that the person's recipe names: it is loaded, and noted as code of his own."""
    cls, digest = class_in(role, name, base)
    if digest is not None:
        remember(digest, source_of(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else None)
    return cls, digest


def class_in(role: str, name: str, base: Path) -> Found:
    """The class in a file or module, which is loaded: its code runs."""
    place, _, attribute = name.rpartition(":")
    try:
        module = load_module(place, base)
    except NoFile as error:
        raise SetupError(f"{error} (searched in the recipe's folder).") from None
    except NotLoaded as error:
        raise SetupError(str(error) if place.endswith(".py") else f"{role} {name!r}: {error}.") from error
    classes = classes_of(module)
    if attribute not in classes:
        raise unknown_name(f"class in {place}", attribute, classes)
    return classes[attribute], _digest(module)


def _digest(module: ModuleType) -> str | None:
    """The digest of the file that a module was loaded from; None for a module of another kind."""
    source = source_of(module)
    return None if source is None else sha256_text(source.read_text(encoding="utf-8"))
