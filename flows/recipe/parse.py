"""YAML text to a checked model, with every mistake as one line that names file, line, key and the nearest valid key.

For recipes and profiles alike; their models define the meaning of the keys.
"""

import difflib
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from rollmill.flows.recipe.shipped import fetch_command
from rollmill.ground.errors import SetupError
from rollmill.kinds import KINDS, kind_of_recipe, recipe_files_of

Model = TypeVar("Model", bound=BaseModel)
Where = tuple[str | int, ...]

_SHOW = "rollmill recipe show RECIPE"
_WORDS = {
    "tuple": "list",
    "Tuple": "list",
    "a valid dictionary": "a mapping",
    "dictionary should": "mapping should",
    "list should have at least 1 item after validation, not 0": "one at least is needed",
    "value should have at least 1 item after validation, not 0": "one at least is needed",
    "string should have at least 1 character": "it is empty",
    "string should match pattern '^[a-z0-9][a-z0-9._-]{0,62}$'": "a name holds a-z, 0-9, '.', '_' and '-', 63 at most",
    "string should match pattern '^[a-z0-9][a-z0-9_-]{0,62}$'": "a name holds a-z, 0-9, '_' and '-', 63 at most",
}
"""Words of pydantic about Python, and our words about YAML for them."""
_BRANCH = re.compile(r"\[key\]|constrained-str|str|function-.*|tuple\[.*")
"""Parts that pydantic adds to the keys of an error for values of several kinds, and for a wrong key."""
_OTHERS = {
    "profile_schema": ("a profile", "rollmill curate RECIPE --profile {path}"),
    "benchmark_schema": ("a benchmark's definition", "rollmill benchmark show {path}"),
}
"""Files that are no recipes: the key that declares one, what it is in words, and the command that reads it."""


MOST_VALUES = 1_000_000
"""Values in a file, for which the largest of ours has a few hundred."""


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """Safe loader that reads 5e-4 as a number and the keys yes, no, on and off as texts, as YAML 1.2 does.

    libyaml reads 141 recipes in a tenth of the time; a build of PyYAML may lack it.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        # The tag of the key is changed, as YAML 1.1 resolves a bare `on` to true before a mapping is made.
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:bool":
                key.tag = "tag:yaml.org,2002:str"
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


# PyYAML's floats need a dot, so it reads 5e-4 as a text.
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789"))


def parse(
    path: Path, model: type[Model], defaults: Mapping[str, Any], *, sets: Sequence[str] = (), folder: str = "recipes"
) -> Model:
    """The checked model of a YAML file, after `key.sub=value` overrides; SetupError otherwise."""
    try:
        data, lines = read_yaml(path, folder)
    except SetupError as error:
        raise SetupError(error.message, next_command=error.next_command or look_again(path, folder)) from None
    # Before the keys are checked: every key of another kind of file would be unknown.
    _refuse_another_kind(path, model, data)
    for text in sets:
        where = override(data, text)
        lines[where] = 0  # no line: a mistake there is named as one of --set
        for end in range(1, len(where)):
            lines.setdefault(where[:end], 0)
    try:
        return model.model_validate({**defaults, **data})
    except ValidationError as error:
        raise SetupError(explain(error, model, path, lines), next_command=look_again(path, folder)) from None


@contextmanager
def naming(path: Path, folder: str) -> Iterator[None]:
    """A SetupError from the block with the file in front, and with what looks at that file again as its next command."""
    try:
        yield
    except SetupError as error:
        named = error.message if error.message.startswith(str(path)) else f"{path}: {error.message}"
        following = error.next_command or look_again(path, folder)
        raise SetupError(named, choices=error.choices, next_command=following) from None


def _refuse_another_kind(path: Path, model: type[BaseModel], data: Mapping[str, Any]) -> None:
    """A file that says that it is of another kind is named as one, before its keys are called unknown."""
    declared, expected = _declared(data), _declared(model.model_fields)
    if declared is not None and expected is not None and expected[0] not in data:
        _, words, command = declared
        raise SetupError(f"{path} is {words}, not {expected[1]}.", next_command=command.format(path=path))


def _declared(keys: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The key among these that declares a file, what it is in words, and the command that reads it; None without one."""
    other = next(((key, *words) for key, words in _OTHERS.items() if key in keys), None)
    kind = kind_of_recipe(keys) if other is None else None
    if kind is None:
        return other
    files = recipe_files_of(kind)
    return files.key, files.a_noun, f"rollmill {kind.verb} {{path}}"


def kind_of_file(data: Mapping[str, Any]) -> str | None:
    """The command that reads a file with this content, with the place {path}; None if it declares no kind."""
    declared = _declared(data)
    return None if declared is None else declared[2]


def look_again(path: Path, folder: str) -> str:
    """Next step after a mistake in a file: correct it, then the command that checks only that file."""
    files = {kind.recipe.folder: (kind.verb, kind.recipe.dry) for kind in KINDS.values() if kind.recipe is not None}
    verb, dry = files.get(folder, ("doctor --quick", "--profile"))
    command = f"rollmill {verb} {dry}" if dry else "rollmill recipe check"
    return f"correct it, then {command} {path}"


def read_yaml(path: Path, folder: str) -> tuple[dict[str, Any], dict[Where, int]]:
    """The mapping in a YAML file and the line of each of its keys; `folder` holds others of its kind."""
    try:
        if path.exists() and not path.is_file():
            raise SetupError(f"{path} is not a file.", next_command=f"ls {folder}")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        following = fetch_command(path) if isinstance(error, FileNotFoundError) else None
        raise SetupError(f"cannot read {path}: {error.strerror}.", next_command=following or f"ls {folder}") from None
    except UnicodeDecodeError:
        raise SetupError(f"{path} is not UTF-8 text.") from None
    try:
        # Composed once: the nodes know their lines, and the values are made of the same nodes.
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None and _unfolded(node, {}) > MOST_VALUES:
            raise SetupError(f"{path} holds more than {MOST_VALUES:,} values once its aliases are unfolded.")
        # Before construction, which would silently keep the last of two equal keys.
        lines = dict(_lines(node, (), path)) if node is not None else {}
        data = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise SetupError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', None) or error}.") from None
    # An alias may hold itself: `a: &a [*a]`.
    except RecursionError:
        raise SetupError(f"{path} is nested too deeply, or holds itself by an alias.") from None
    if not isinstance(data, dict):
        raise SetupError(f"{path}:1: expected a mapping of keys to values, found {_kind_of(data)}.")
    return data, lines


def _unfolded(node: yaml.Node, known: dict[int, int]) -> int:
    """Number of values below a node. An alias counts with all that it stands for: ten lines can unfold to billions."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = 1  # for one that holds itself, which is refused below
        parts = (part for item in node.value for part in (item if isinstance(item, tuple) else (item,)))
        known[id(node)] = 1 + sum(_unfolded(part, known) for part in parts)
    return known[id(node)]


def _kind_of(data: Any) -> str:
    return {list: "a list", str: "a text", bool: "a truth value", type(None): "nothing"}.get(type(data), "a value")


def _lines(node: yaml.Node, where: Where, path: Path) -> Iterator[tuple[Where, int]]:
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise SetupError(f"{path}:{key.start_mark.line + 1}: a list or a mapping cannot be a key.")
            if key.value in keys:
                raise SetupError(f"{path}:{key.start_mark.line + 1}: key {key.value!r} is given twice.")
            keys.add(key.value)
            yield (*where, key.value), key.start_mark.line + 1
            yield from _lines(value, (*where, key.value), path)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*where, index), item.start_mark.line + 1
            yield from _lines(item, (*where, index), path)


def override(data: dict[str, Any], text: str) -> Where:
    """Apply one `generate.max_tokens=64` in place; the value is read as YAML. Items of a list go by place or name."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise SetupError(f"--set {text!r} is not KEY=VALUE.", next_command="--set generate.max_tokens=64")
    steps: list[str | int] = [int(step) if step.isdigit() else step for step in key.strip().split(".")]
    here: Any = data
    for at, step in enumerate(steps[:-1]):
        steps[at] = _place(here, step)
        here = _descend(here, steps[at], text)
    try:
        here[steps[-1]] = yaml.load(value, Loader=_Loader)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, RecursionError):
        raise SetupError(f"--set {text!r}: {value!r} is not a YAML value.", next_command="--set 'KEY=VALUE'") from None
    except (IndexError, TypeError):
        raise SetupError(f"--set {text!r}: there is nothing at {key.strip()!r} to set.", next_command=_SHOW) from None
    return tuple(steps)


def _place(here: Any, step: str | int) -> str | int:
    """`solve` of `steps.solve.count=8` as the place of the item with that name in the list."""
    names = _names(here)
    return names.index(step) if step in names else step


def _names(here: Any) -> list[Any]:
    return [item.get("name") if isinstance(item, dict) else None for item in here] if isinstance(here, list) else []


def _descend(here: Any, step: str | int, text: str) -> Any:
    if isinstance(here, dict):
        # A section may be absent, or present as `null`; both are filled in.
        if here.get(step) is None:
            here[step] = {}
        return here[step]
    if isinstance(here, list) and isinstance(step, int) and step < len(here):
        return here[step]
    names = ", ".join(str(name) for name in _names(here) if name is not None)
    reason = f"unlike every listed item: {names}" if names else "not a key there"
    raise SetupError(f"--set {text!r}: {step!r} is {reason}.", next_command=_SHOW)


def explain(error: ValidationError, model: type[BaseModel], path: Path, lines: Mapping[Where, int]) -> str:
    """The first mistake in one line: file, line, dotted key, the mistake, nearest or valid keys."""
    # A misspelt key first: it is why another one is missing.
    first = next((e for e in error.errors() if e["type"] == "extra_forbidden"), error.errors()[0])
    if first["loc"] and _BRANCH.fullmatch(
        str(first["loc"][-1])
    ):  # of the kinds that a value may be, the one that came furthest
        same = [e for e in error.errors() if e["loc"][: len(first["loc"]) - 1] == first["loc"][:-1]]
        first = max(same, key=lambda e: len(e["loc"]))
    where = tuple(step for step in first["loc"] if not _BRANCH.fullmatch(str(step)))
    place = f"{path}{_line(where, lines)}"
    dotted = ".".join(str(step) for step in where)
    if first["type"] == "extra_forbidden":
        return f"{place}: unknown key {dotted!r}.{_nearest(str(where[-1]), _keys(model, where[:-1]))}"
    if first["type"] == "missing":
        return f"{place}: key {dotted!r} is missing."
    message = first["msg"].removeprefix("Value error, ").partition(" or instance of")[0]
    message = message[0].lower() + message[1:]
    for python, yaml_s in _WORDS.items():
        message = message.replace(python, yaml_s)
    shown = f"{dotted}: " if dotted else ""
    value = "" if isinstance(first["input"], dict) else f", found {shortened(first['input'])}"
    return f"{place}: {shown}{message}{value}."


def shortened(value: Any) -> str:
    """A value as a message shows it."""
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def _line(where: Where, lines: Mapping[Where, int]) -> str:
    # A missing or defaulted key has no line; the nearest section around it has.
    for end in range(len(where), 0, -1):
        number = lines.get(where[:end])
        if number == 0:
            return " (--set)"
        if number:
            return f":{number}"
    return ""


def _nearest(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{hint} Valid: {', '.join(known)}." if known else hint


def _keys(model: type[BaseModel], where: Where) -> list[str]:
    """The keys valid at a place of the model."""
    here: type[BaseModel] | None = model
    for step in where:
        if isinstance(step, str) and here is not None and step in here.model_fields:
            here = _submodel(here.model_fields[step].annotation)
    return list(here.model_fields) if here is not None else []


def _submodel(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for arg in get_args(annotation) if (model := _submodel(arg))), None)
