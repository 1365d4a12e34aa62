"""The keys of a recipe or an evaluation as a form: type, choices, value, default and help of each, from schema and methods.

The file may be invalid: the form shows the key to correct, and the command that reads the recipe names the mistake.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rollmill.flows.recipe.benchmarks import shipped_definitions
from rollmill.flows.recipe.method_options import REQUIRED, MethodOption, method_names, options_of
from rollmill.flows.recipe.methods import OF
from rollmill.flows.recipe.parse import override, read_yaml
from rollmill.flows.recipe.schema import Evaluation, Generate, Method, ProblemSource, StepSection
from rollmill.ground.by_name import object_at
from rollmill.ground.form_fields import FieldType, FormField, descriptions, type_of, yaml_text
from rollmill.kind import Kind
from rollmill.kinds import FIRST, KINDS, kind_of_recipe, recipe_files_of
from rollmill.roles.registries import registry

ROLES = {
    "verify": "verifier",
    "score": "scorer",
    "warp": "warp",
    "decode": "decoder",
    "budget": "budget",
    "select": "selector",
    "accept": "policy",
    "planned_under": "policy",
    "learner": "learner",
    "loss": "loss",
    "order": "order",
    "allocator": "allocator",
    "choose": "set method",
}
"""Role of the methods under a key."""
NAMED_BY = {"engine": "engine", "synthesizer": "synthesize"}
"""Key that names the method of a role inside its section; for the other roles it is `method`."""
COMMON = frozenset({
    "seed", "dataset", "samples", "count", "synthesize", "engine", "model", "temperature", "max_tokens", "verify", "method",
    "max_undecided", "min_kept", "benchmarks", "models", "versions", "init", "base", "arms", "seeds", "rounds",
    "recipe", "detect", "grid", "report", "size", "share", "version",
})  # fmt: skip
"""Keys that are shown first, at any level; others only if they name the source of the problems."""
SOURCES = ("imported", "version", "split")
OFTEN = ("synthesizer", "budget", "selector", "search policy", "process", "learner")
"""Roles whose options are shown at first."""
SELDOM = ("evaluation",)
"""Lists of which nothing is shown at first."""
USUAL = {
    "steps": ("model", "temperature", "max_tokens", "count"),
    "models": ("engine", "model", "temperature", "max_tokens"),
    "benchmarks": ("count", "samples"),
    "evaluation": ("synthesize", "options", "count", "seed"),
    "sources": ("where",),
}
"""Lists or mappings of sections, and the keys of each section that are fields though its file does not give them."""
HEADINGS = {
    "sources": "Source",
    "steps": "Step",
    "models": "Model",
    "benchmarks": "Benchmark",
    "evaluation": "Held-out problems",
}
CHOSEN = ("benchmarks", "models")
"""Lists of which a form chooses items."""


@dataclass(frozen=True, slots=True)
class RecipeForm:
    """Form of a file. `sets`: the overrides that it was made with, and those that drop the
    options which a method chosen by them does not have."""

    kind: Kind
    name: str
    fields: tuple[FormField, ...]
    sets: tuple[str, ...]

    def row(self) -> dict[str, Any]:
        """The record as JSON values."""
        fields = [part.row() for part in self.fields]
        return {"kind": self.kind.verb, "name": self.name, "sets": list(self.sets), "fields": fields}


def form_of(path: Path, sets: Sequence[str] = ()) -> RecipeForm:
    """The form of a recipe of any kind after `--set` overrides; SetupError if one of them cannot be read.

    A file that declares no kind is a dataset's recipe.
    """
    data, _ = read_yaml(path, "recipes")
    for text in sets:
        override(data, text)
    changed = frozenset(text.partition("=")[0].strip() for text in sets)
    kind = kind_of_recipe(data) or FIRST
    walk = _Walk(path.parent, changed, list(sets), data)
    fields = tuple(walk.section(object_at(recipe_files_of(kind).schema), data, _Place()))
    if kind.verb not in KINDS:  # of a package's kind every key of the first level is shown first
        fields = tuple(replace(part, common=part.common or "." not in part.path) for part in fields)
    return RecipeForm(kind, str(data.get("name", "")), fields, tuple(walk.sets))


@dataclass(frozen=True, slots=True)
class _Place:
    """Place of a section: its path, the heading over its fields, and what has to be set before its keys."""

    path: str = ""
    heading: str = ""
    first: tuple[str, ...] = ()

    def at(self, name: str) -> str:
        """Path of a key of the section."""
        return f"{self.path}.{name}" if self.path else name

    def inside(self, name: str, *first: str) -> "_Place":
        """Place of the section under a key."""
        return _Place(self.at(name), self.heading or _words(name), (*self.first, *first))


@dataclass
class _Walk:
    """Walk through a file. `changed`: the keys that overrides set; `sets`: the overrides, to which it adds."""

    base: Path
    changed: frozenset[str]
    sets: list[str]
    file: Mapping[str, Any]

    def section(
        self,
        model: type[BaseModel],
        data: Mapping[str, Any],
        place: _Place,
        named: tuple[str, str] | None = None,
        usual: Sequence[str] | None = None,
    ) -> Iterator[FormField]:
        """Fields of a section. `named`: role of the method that it names, and what the section is; `usual`: the keys that
        are fields though not given.
        """
        texts = descriptions(model)
        role, about = named or (_role(model), "")
        named_by = NAMED_BY.get(role, "method")
        for name, info in model.model_fields.items():
            if usual is not None and (name == "name" or not (name in usual or name in data)):
                continue
            value = data.get(name, _default(info))
            if name == named_by and role:
                yield from self._method(role, name, value, place, about or texts[name])
            elif name == "options" and role:
                method = data.get(named_by, _default(model.model_fields[named_by]))
                first = () if name in data or not value else (f"{place.at(name)}={yaml_text(value)}",)
                yield from self._options(role, method, value, replace(place, first=(*place.first, *first)))
            else:
                yield from self._key(name, info, data, place, texts.get(name, ""))

    def _key(self, name: str, info: FieldInfo, data: Mapping[str, Any], place: _Place, text: str) -> Iterator[FormField]:
        """Fields of a key: those of the section or list that it holds, else its own."""
        value, inner, listed = data.get(name, _default(info)), _inner(info), get_origin(info.annotation) is tuple
        if inner is None or value is None or not (_mappings(value) if listed else isinstance(value, Mapping)):
            yield from _leaf(name, info, value, place, text)
        elif get_origin(info.annotation) is dict:
            yield from self._named(name, info, value, place, text)
        elif (not listed and inner is Method) or (name in ROLES and not listed):
            if name in data or not data.get("steps"):  # steps may say how often they are drawn, in place of a budget
                first = () if name in data else (f"{place.at(name)}.method={value['method']}",)
                yield from self.section(Method, value, place.inside(name, *first), (ROLES.get(name, "aggregator"), text))
        elif not listed:
            yield from self.section(inner, value, place.inside(name))
        elif name in ROLES:
            first = () if name in data else (f"{place.at(name)}={yaml_text(value)}",)
            yield from self._chain(ROLES[name], value, place.inside(name, *first), text)
        elif name in USUAL:
            yield from self._items(name, inner, value, place.inside(name), text)
        else:
            yield from _leaf(name, info, value, place, text)

    def _named(self, name: str, info: FieldInfo, value: Mapping[str, Any], place: _Place, text: str) -> Iterator[FormField]:
        """Fields of every section of a mapping; the mapping as one field where no form lists its sections."""
        inner = _inner(info)
        if inner is None or name not in USUAL or not _mappings([*value.values()]):
            yield from _leaf(name, info, value, place, text)
            return
        for title, item in value.items():
            here = replace(place, path=f"{place.at(name)}.{title}", heading=f"{HEADINGS[name]} {title}")
            yield from self.section(inner, item, here, usual=USUAL[name])

    def _method(self, role: str, key: str, value: Any, place: _Place, text: str) -> Iterator[FormField]:
        """Choice of a method; nothing if the section has its problems from elsewhere."""
        if value is None and role == "synthesizer":
            return
        names = method_names(role, value, self.base, draws="." not in place.path)  # a follow-up step may have no model
        yield _field(place, place.at(key), FieldType("choice", names), value, text, structure=True)

    def _options(self, role: str, method: Any, given: Any, place: _Place) -> Iterator[FormField]:
        """Options of the chosen method. Where an override chose it, given ones that it does not have are dropped."""
        known = options_of(role, method, self.base) if isinstance(method, str) else None
        inside, given = place.at("options"), given if isinstance(given, Mapping) else {}
        if known is None:
            return
        lost = given.keys() - {option.name for option in known}
        if lost and place.at(NAMED_BY.get(role, "method")) in self.changed:
            given = {key: value for key, value in given.items() if key not in lost}
            self.sets.append(f"{inside}={yaml_text(given)}")
        for option in known:
            if option.name == OF and role == "selector" and not self.file.get("steps"):
                continue
            yield from self._option(option, given, replace(place, path=inside), common=role in OFTEN)

    def _option(
        self, option: MethodOption, given: Mapping[str, Any], place: _Place, *, common: bool
    ) -> Iterator[FormField]:
        """Fields of an option; of one that names a method, that one's too."""
        required = option.default is REQUIRED
        default = None if required else _plain(option.default)
        value, path = given.get(option.name, default), place.at(option.name)
        if option.role is not None and isinstance(value, Mapping):
            yield from self.section(Method, value, replace(place, path=path), (option.role, option.help))
        elif option.role is not None and isinstance(value, str):
            names = method_names(option.role, value, self.base, draws=False)
            yield _field(place, path, FieldType("choice", names), value, option.help, default=default, common=common)
        else:
            kind = type_of(option.annotation)
            common = common and (option.name in given or kind.kind != "yaml")
            yield _field(place, path, kind, value, option.help, default=default, common=common, required=required)

    def _chain(self, role: str, value: Sequence[Mapping[str, Any]], place: _Place, text: str) -> Iterator[FormField]:
        """Choice of several methods, and the options of each; as one text where a method is named twice."""
        names = [str(item.get("method")) for item in value]
        if len(set(names)) < len(names):  # a choice of items could not tell them apart
            yield _field(place, place.path, FieldType(), value, text)
        else:
            items = {name: {"method": name} for name in registry(role)} | dict(zip(names, value, strict=True))
            kind = FieldType("items", tuple(items))
            yield _field(place, place.path, kind, names, text, structure=True, items=items)
        for number, item in enumerate(value):
            heading = f"{_words(role)} {item.get('method')}"
            yield from self._options(
                role, item.get("method"), item.get("options"), replace(place, path=place.at(str(number)), heading=heading)
            )

    def _items(
        self, name: str, model: type[BaseModel], value: Sequence[Mapping[str, Any]], place: _Place, text: str
    ) -> Iterator[FormField]:
        """Choice of the sections of a list, if they have names, and the fields of each."""
        titles = [str(item.get("name") or item.get("benchmark") or number) for number, item in enumerate(value, 1)]
        alone = len(set(titles)) == len(titles)  # else an item can only be called by its place
        if name in CHOSEN and alone:
            more = {known: {"benchmark": known} for known in shipped_definitions()} if name == "benchmarks" else {}
            items = dict(zip(titles, value, strict=True))
            items |= {known: item for known, item in more.items() if known not in items}
            yield _field(place, place.path, FieldType("items", tuple(items)), titles, text, structure=True, items=items)
        for number, (title, item) in enumerate(zip(titles, value, strict=True)):
            by_name = alone and title == item.get("name") and "." not in title
            here = replace(place, path=place.at(title if by_name else str(number)), heading=f"{HEADINGS[name]} {title}")
            filled, usual = self._filled(model, item, USUAL[name])
            yield from self.section(model, filled, here, usual=usual)

    def _filled(
        self, model: type[BaseModel], item: Mapping[str, Any], usual: Sequence[str]
    ) -> tuple[Mapping[str, Any], Sequence[str]]:
        """An item with its inherited keys, and the keys that are fields although it does not set them."""
        if model is Evaluation:  # made problems unless it names others, which take no such keys
            return (item, ()) if {"imported", "file"} & item.keys() else ({"synthesize": "templates", **item}, usual)
        whole = self.file.get("generate")
        if model is StepSection and "engine" in item:
            return item, ()
        if model is StepSection and isinstance(whole, Mapping):  # `generate` with some keys changed
            return {**{key: whole[key] for key in usual if key in whole}, **item}, usual
        return item, usual


def _role(model: type[BaseModel]) -> str:
    """Role of the method that a section names in addition to its own keys; empty for none."""
    if issubclass(model, Generate):
        return "engine"
    return "synthesizer" if issubclass(model, ProblemSource | Evaluation) else ""


def _field(place: _Place, path: str, kind: FieldType, value: Any, text: str, **more: Any) -> FormField:
    key = path.rpartition(".")[2]
    common = more.pop("common", key in COMMON or (key in SOURCES and value is not None))
    common = common and path.partition(".")[0] not in SELDOM
    return FormField(path, kind, _plain(value), help=text, section=place.heading, first=place.first, common=common, **more)


def _leaf(name: str, info: FieldInfo, value: Any, place: _Place, text: str) -> Iterator[FormField]:
    """Field of a plain key; nothing for the version of the file format."""
    kind = type_of(info.annotation, tuple(info.metadata))
    if kind.choices == (1,):
        return
    section = replace(place, heading=place.heading or "Recipe")
    yield _field(section, place.at(name), kind, value, text, default=_default(info), required=info.is_required())


def _default(info: FieldInfo) -> Any:
    """Default of a key as JSON values; None if it must be given, or follows from other keys."""
    if info.is_required() or info.default_factory_takes_validated_data:
        return None
    return _plain(info.get_default(call_default_factory=True))


def _plain(value: Any) -> Any:
    """A value as JSON values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple | range) else value


def _inner(info: FieldInfo) -> type[BaseModel] | None:
    """The section that a key holds, or that the items of its list are; None for a plain value, or for several kinds."""
    annotation = info.annotation
    parts = [annotation, *get_args(annotation)]
    models = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
    return models[0] if len(models) == 1 else None


def _mappings(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _words(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}".replace("_", " ")
