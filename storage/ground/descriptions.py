"""One sentence about each option of a class, read from the class's own docstrings.

An option is described by a string under the field, in the section `Args:` of the constructor's docstring, or in the
docstring of the class as `option`: sentence. The first of these that there is counts.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise

_NAMES = r"`\w+`(?:(?:, | and |, and )`\w+`)*"
_DESCRIBED = re.compile(rf"(?<![\w`])({_NAMES}): (.+?)(?=[.;,] {_NAMES}: |\Z)", flags=re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.?!]) (?=[A-Z`\"])")
_LIBRARIES = frozenset((*sys.stdlib_module_names, "pydantic"))


def descriptions(cls: type) -> dict[str, str]:
    """The sentence of every option that a class or one of its bases describes, by the option's name."""
    texts: dict[str, str] = {}
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
    docstrings = {cls.__doc__ or "", cls.__dict__.get("__init__", cls).__doc__ or ""}
    section = "".join(inspect.cleandoc(text).partition("Args:\n")[2] for text in docstrings)
    yield from re.findall(r"^    (\w+): (.+(?:\n {5,}.+)*)", section, flags=re.MULTILINE)


def _under_fields(cls: type) -> Iterator[tuple[str, str]]:
    """The strings under the fields of a class."""
    try:
        [tree] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    except (OSError, TypeError):  # a class without a source of its own
        return
    for field, text in pairwise(tree.body if isinstance(tree, ast.ClassDef) else []):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(described))):
                yield name, described
