"""The scopes of a Python program: where names are bound and used, and faults of their use. For the linter."""

import builtins
from dataclasses import dataclass, field
from typing import NamedTuple

_KNOWN = frozenset(dir(builtins)) | {
    "__builtins__",
    "__file__",
    "__class__",
    "__module__",
    "__qualname__",
    "__path__",
    "__annotations__",
}


class NamePlace(NamedTuple):
    """Time of a use or binding of a name: its order, its statement, its loops and branches."""

    order: int
    statement: int
    inside: tuple[tuple[int, bool], ...]


@dataclass(slots=True)
class NameScope:
    """Scope of a module, class, function or comprehension: its bindings, its uses by line, and names of other scopes."""

    kind: str
    parent: "NameScope | None" = None
    is_async: bool = False
    bound: dict[str, list[NamePlace]] = field(default_factory=dict)
    uses: list[tuple[str, int, NamePlace]] = field(default_factory=list)
    elsewhere: set[str] = field(default_factory=set)


BEFORE = NamePlace(-1, -1, ())
"""Names bound when the scope begins."""


def use_fault(scope: NameScope, name: str, use: NamePlace) -> str:
    """Fault of the use of a name; empty if there is none."""
    while scope.kind == "comprehension" and name not in scope.bound and scope.parent is not None:
        scope = scope.parent  # it runs where it stands
    bound = [] if name in scope.elsewhere else scope.bound.get(name, [])
    if bound and (scope.kind == "comprehension" or any(_reaches(binding, use) for binding in bound)):
        return ""
    if bound and scope.kind in ("function", "module"):
        # Before its binding a module's name falls back on the builtin; a function's is unbound.
        return "" if scope.kind == "module" and name in _KNOWN else "used before it is bound"
    outer = scope.parent
    while outer is not None:
        # Functions inside a class do not see the names of its body.
        if outer.kind != "class" and name in outer.bound and name not in outer.elsewhere:
            return ""
        outer = outer.parent
    return "" if name in _KNOWN else "bound nowhere"


def _reaches(binding: NamePlace, use: NamePlace) -> bool:
    """True if a binding can come before a use: it is earlier, or an earlier turn of a loop around both.

    Of the latter only where the use may be passed over in the first turn, and never where one statement does both.
    """
    if binding.order < use.order:
        return True
    if binding.statement == use.statement:
        return False
    return any(
        frame in binding.inside and frame[1] and len(use.inside) > depth + 1 for depth, frame in enumerate(use.inside)
    )
