"""Fields of forms: a key with its type, choices, bounds, value and help, made from annotations and docstrings.

`rollmill recipe form` prints them for a recipe, `rollmill.storage.queries` gives those of an export, and the dashboard
draws both. What a person enters goes to a command as `--set KEY=VALUE`; `yaml_text` writes the value.

An option of a class is described by a string under the field, in the section `Args:` of the constructor's docstring, or in
the docstring of the class as `option`: sentence. The first that exists counts.
"""

import ast
import inspect
import re
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, Union, get_args, get_origin

import yaml

Kind = Literal["whole", "number", "switch", "choice", "text", "items", "yaml"]
_KINDS: Mapping[Any, Kind] = {int: "whole", float: "number", bool: "switch", str: "text"}
_UNIONS = (Union, types.UnionType)
_NAMES = r"`\w+`(?:(?:, | and |, and )`\w+`)*"
_DESCRIBED = re.compile(rf"(?<![\w`])({_NAMES}): (.+?)(?=[.;,] {_NAMES}: |\Z)", flags=re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.?!]) (?=[A-Z`\"])")
# Bases from libraries describe settings of their own, not options of a recipe.
_LIBRARIES = frozenset((*sys.stdlib_module_names, "pydantic"))


@dataclass(frozen=True, slots=True)
class FieldType:
    """Type of a value: its kind, the choices of a `choice`, its bounds, and whether it may be left empty (null)."""

    kind: Kind = "yaml"
    choices: tuple[Any, ...] = ()
    least: float | None = None
    most: float | None = None
    empty: bool = False


@dataclass(frozen=True, slots=True)
class FormField:
    """A key of a form. `value`: its value in the file, else the default, as JSON.

    `section`: heading above it. `common`: True if it is shown at first. `structure`: True if another value brings other
    fields. `items`: for kind `items`, the value of each item that may be chosen. `first`: keys to set before this one, if
    the file lacks the section around it.
    """

    path: str
    type: FieldType
    value: Any
    default: Any = None
    help: str = ""
    section: str = ""
    common: bool = False
    required: bool = False
    structure: bool = False
    items: Mapping[str, Any] = field(default_factory=dict)
    first: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name for people: the last key of the path."""
        words = self.path.rpartition(".")[2].replace("_", " ")
        return f"{words[:1].upper()}{words[1:]}"

    def row(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {**asdict(self), "label": self.label}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "FormField":
        """The field that `row` is of."""
        kind = FieldType(**{**row["type"], "choices": tuple(row["type"]["choices"])})
        plain = {key: value for key, value in row.items() if key != "label"}
        return cls(**{**plain, "type": kind, "first": tuple(row["first"])})


def type_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> FieldType:
    """Type of the values of an annotation; a type without a widget is of the kind `yaml`. `metadata`: its bounds."""
    plain, more = _without_metadata(annotation)
    parts = get_args(plain) if get_origin(plain) in _UNIONS else (plain,)
    others = [part for part in parts if part is not type(None)]
    empty = len(others) < len(parts)
    if len(others) != 1:
        return FieldType(empty=empty)
    inner, inside = _without_metadata(others[0])
    least, most = _bounds((*metadata, *more, *inside))
    if get_origin(inner) is Literal:
        return FieldType("choice", get_args(inner), empty=empty)
    return FieldType(_KINDS.get(inner, "yaml"), (), least, most, empty)


def _without_metadata(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """An annotation without `Annotated`, and what that adds."""
    return (annotation.__origin__, annotation.__metadata__) if hasattr(annotation, "__metadata__") else (annotation, ())


def _bounds(metadata: tuple[Any, ...]) -> tuple[float | None, float | None]:
    """Least and most value; ends that are excluded count as included, and the command refuses them."""
    every = list(_flat(metadata))
    least = next((bound for item in every for key in ("ge", "gt") if (bound := getattr(item, key, None)) is not None), None)
    most = next((bound for item in every for key in ("le", "lt") if (bound := getattr(item, key, None)) is not None), None)
    return least, most


def _flat(metadata: tuple[Any, ...]) -> Iterator[Any]:
    for item in metadata:
        yield item
        yield from getattr(item, "metadata", ())


def yaml_text(value: Any) -> str:
    """A value as YAML in one line, for `--set KEY=VALUE`."""

    def written(style: str | None) -> str:
        # In a list, as a text alone is followed by the mark of a document's end (`...`).
        text = yaml.safe_dump(
            [value], default_flow_style=True, default_style=style, width=sys.maxsize, allow_unicode=True, sort_keys=False
        )
        return text.strip()[1:-1]

    text = written(None)
    # In double quotes a line break is an escape, and the value one line.
    return written('"') if len(text.splitlines()) > 1 else text


def descriptions(cls: type) -> dict[str, str]:
    """The sentence of every option that a class or one of its bases describes, by the option's name."""
    texts: dict[str, str] = {}
    # Bases first, so that the words of the class itself replace theirs.
    for base in reversed(cls.__mro__[:-1]):
        if base.__module__.partition(".")[0] not in _LIBRARIES:
            described = (*_in_class_docstring(base), *_in_constructor(base), *_under_fields(base))
            texts |= {name: first_sentence(text) for name, text in described}
    return texts


def first_sentence(text: str) -> str:
    """The first sentence of a text, in one line, with a capital letter and a full stop."""
    line = _SENTENCE.split(" ".join(text.split()))[0].rstrip(" .;,:")
    return f"{line[:1].upper()}{line[1:]}{'' if line.endswith(('?', '!')) else '.'}" if line else ""


def _in_class_docstring(cls: type) -> Iterator[tuple[str, str]]:
    """The options that the docstring of a class describes."""
    for paragraph in (cls.__doc__ or "").split("\n\n"):
        for names, text in _DESCRIBED.findall(" ".join(paragraph.split())):
            yield from ((name, text) for name in re.findall(r"\w+", names))


def _in_constructor(cls: type) -> Iterator[tuple[str, str]]:
    """The arguments that the section `Args:` in the docstring of a class, or of its constructor, describes."""
    # A set: a class without a constructor of its own would be read twice.
    docstrings = {cls.__doc__ or "", cls.__dict__.get("__init__", cls).__doc__ or ""}
    section = "".join(inspect.cleandoc(text).partition("Args:\n")[2] for text in docstrings)
    yield from re.findall(r"^    (\w+): (.+(?:\n {5,}.+)*)", section, flags=re.MULTILINE)


@lru_cache(maxsize=64)
def _class_bodies(source: str) -> Mapping[str, Sequence[ast.stmt]]:
    """Statements of each class of a module by its qualified name; a module is parsed once, however many classes it has."""
    bodies: dict[str, Sequence[ast.stmt]] = {}

    def walk(statements: Sequence[ast.stmt], path: str) -> None:
        for node in statements:
            if isinstance(node, ast.ClassDef):
                bodies[path + node.name] = node.body
                walk(node.body, f"{path}{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                walk(node.body, f"{path}{node.name}.<locals>.")

    walk(ast.parse(source).body, "")
    return bodies


def _under_fields(cls: type) -> Iterator[tuple[str, str]]:
    """The strings under the fields of a class."""
    try:
        source = inspect.getsource(sys.modules[cls.__module__])
    except (OSError, TypeError, KeyError):  # a class without a source of its own
        return
    body = _class_bodies(source).get(cls.__qualname__, [])
    for assigned, text in pairwise(body):
        match assigned, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(described))):
                yield name, described
