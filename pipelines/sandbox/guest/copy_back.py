"""Repeats on the tests' own mutable arguments what the program did to its copies of them."""

from typing import Any


def update(old: Any, new: Any) -> bool:
    """Make a list, dict, set or bytearray equal to `new` in place, keeping the identity of parts; False if it cannot."""
    kind = type(old)
    if kind is not type(new):
        return False
    if kind is list:
        kept = [_merged(a, b) for a, b in zip(old, new, strict=False)]
        old[:] = kept + new[len(kept) :]
    elif kind is dict:
        merged = {key: _merged(old[key], value) if key in old else value for key, value in new.items()}
        old.clear()
        old.update(merged)
    elif kind is set:
        old.clear()
        old.update(new)
    elif kind is bytearray:
        old[:] = new
    elif kind is tuple and len(old) == len(new):
        return all(update(a, b) or a is b or a == b for a, b in zip(old, new, strict=True))
    else:
        return False
    return True


def _merged(old: Any, new: Any) -> Any:
    """The old object made equal to the new one, or the new one."""
    if type(old) in (list, dict, set, bytearray, tuple) and update(old, new):
        return old
    return new
