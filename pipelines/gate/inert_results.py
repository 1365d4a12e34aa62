"""A stored result as the pages of Great Expectations may show it: of the form that the gate writes, and without markup.

The library's templates escape next to nothing, and a version may come from anybody. So every text loses the characters that
make markup, links or scripts (they become similar ones), and only the keys that a result needs are handed on.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.ground.errors import FoundWanting
from rollmill.pipelines.gate.suite import Entry
from rollmill.pipelines.gate.suite_file import checked

MOST = 64 << 20
"""Bytes of a result that are read."""
_DEPTH, _ITEMS, _LONGEST = 12, 1_000, 10_000  # levels of a value, items of a list, characters of a text
_SIMILAR = str.maketrans({"<": "‹", ">": "›", '"': "”", "'": "’", "&": "＆", "`": "‘", "[": "［", "]": "］", "\\": "＼"})
_SCHEME = re.compile(r"(?i)(script|data|https?|file)[\s\x00-\x1f]*:")


def stored_result(text: str, where: str) -> dict[str, Any]:
    """The result in a file of a version. FoundWanting for a text that the gate did not write."""
    if len(text) > MOST:
        raise FoundWanting(f"{where} has more than {MOST:,} characters, and no result needs so many.")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FoundWanting(f"{where} is no JSON: {str(error)[:200]}.") from None
    results = data.get("results") if isinstance(data, dict) else None
    if not isinstance(results, list) or not all(map(_is_result, results)):
        raise FoundWanting(f"{where} is no result of a gate.")
    return {**data, "results": results}


def _is_result(row: Any) -> bool:
    """True for a row with an outcome and the expectation that it is of."""
    config = row.get("expectation_config") if isinstance(row, dict) else None
    return (
        isinstance(config, dict)
        and isinstance(row.get("success"), bool)
        and isinstance(config.get("type"), str)
        and isinstance(config.get("kwargs"), dict)
        and isinstance(row.get("result", {}), dict)
    )


def inert_entry(entry: Entry) -> Entry:
    """An expectation of a suite with inert texts; its table and type were checked by name."""
    named = {key: entry[key] for key in ("table", "type", "severity") if key in entry}
    return {**named, **{key: inert(entry[key]) for key in ("kwargs", "notes") if key in entry}}


def inert_results(validation: Mapping[str, Any], table: str, types: Sequence[str]) -> list[dict[str, Any]]:
    """The results of one table with inert texts. FoundWanting for one of an expectation that the suite does not have."""
    rows = []
    for row in validation["results"]:
        config = row["expectation_config"]
        if config["kwargs"].get("batch_id") != table:
            continue
        if config["type"] not in types:
            raise FoundWanting(f"validation.json has a result of {config['type'][:100]!r}, which its suite does not name.")
        given = {name: value for name, value in config["kwargs"].items() if name != "batch_id"}
        # As in a suite: the library's classes are built by name, from known parameters.
        checked([{"table": table, "type": config["type"], "kwargs": given}], "validation.json")
        kwargs = {**inert(given), "batch_id": table}
        raised = row.get("exception_info")
        error = raised.get("exception_message") if isinstance(raised, dict) else None
        rows.append(
            {
                "success": row["success"],
                "expectation_config": {"type": config["type"], "kwargs": kwargs, "meta": {}},
                "result": inert(row.get("result", {})),
                "meta": {},
                "exception_info": {
                    "raised_exception": error is not None,
                    "exception_message": None if error is None else inert(str(error)),
                    "exception_traceback": None,
                },
            }
        )
    return rows


def inert(value: Any, depth: int = 0) -> Any:
    """A JSON value whose texts can be no markup; long ones are cut, and what lies too deep is left out."""
    if isinstance(value, str):
        return _SCHEME.sub(r"\1：", value[:_LONGEST].translate(_SIMILAR))
    if isinstance(value, Mapping | list) and depth >= _DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {inert(str(key)): inert(item, depth + 1) for key, item in list(value.items())[:_ITEMS]}
    if isinstance(value, list | tuple):
        return [inert(item, depth + 1) for item in value[:_ITEMS]]
    return value if value is None or isinstance(value, bool | int | float) else inert(str(value))
