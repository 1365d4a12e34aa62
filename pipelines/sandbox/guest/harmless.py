"""Whether tests, by their code, can have changed anything beyond their own names. Errs on the side of no. Runs nothing.

The process of the tests is used again only after tests that read as harmless: they store no attribute, reach no dunder
name, and use of the standard library only what computes.
"""

import sys
from opcode import opmap
from types import CodeType

_STORES = frozenset(opmap[name] for name in ("STORE_ATTR", "DELETE_ATTR"))
_PURE = """
math cmath random copy re itertools collections functools string typing decimal fractions datetime heapq bisect operator
json statistics numbers abc enum textwrap time
"""
_REACHING = """
setattr delattr getattr exec eval compile globals locals vars open input breakpoint seed setstate register object type
setcontext getcontext cache_clear setrecursionlimit
"""
_USUAL = frozenset(("__name__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__"))
_IMPURE = frozenset(sys.stdlib_module_names).difference(_PURE.split()).union(_REACHING.split())


def harmless(code: CodeType, names: set[str]) -> bool:
    """Whether a process that ran this code is as it was before. `names` are all names in it."""
    if names & _IMPURE:
        return False
    if any(name.startswith("__") for name in names - _USUAL):
        return False
    return not _stores(code)


def _stores(code: CodeType) -> bool:
    if not _STORES.isdisjoint(code.co_code[::2]):
        return True
    return any(_stores(constant) for constant in code.co_consts if type(constant) is CodeType)
