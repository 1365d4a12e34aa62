"""A suite file: YAML with a list `expectations`, each with its table, checked by name and parameter before rows are drawn.

The library is not imported: JSON Schemas of its expectations lie beside its code. A file runs no code: YAML is loaded
safely, names are those of registered expectations, and SQL reaches the gate's tables alone.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.pipelines.gate.suite import OURS, Entry
from rollmill.pipelines.gate.tables import ROW_ID

_KEYS = {"table": str, "type": str, "kwargs": dict, "severity": str, "notes": str, "meta": dict}
_SEVERITIES = ("critical", "warning", "info")
_RUNTIME = {"id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content", "severity"}
_RUNTIME |= {"batch_id", "metadata", "windows"}
_ELSEWHERE = ("expect_query_results_to_match_comparison",)  # asks another data source
_LONGEST = 1_000_000  # bytes of a file


def read_suite(path: Path) -> list[Entry]:
    """The expectations of a file; SetupError for a mistake, with the valid names."""
    if not path.is_file():
        raise SetupError(f"no suite file {path}.", next_command="name a file, for example suite.yaml of a version")
    if path.stat().st_size > _LONGEST:
        raise SetupError(f"{path} has more than {_LONGEST:,} bytes, and no suite needs so many.")
    try:
        text = path.read_text(encoding="utf-8")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise SetupError(f"{path} has an alias (*name): ten lines of these unfold to billions. Write the value again.")
        data = yaml.safe_load(text)
    except RecursionError:
        raise SetupError(f"{path} is nested too deeply.") from None
    except (yaml.YAMLError, ValueError) as error:  # a number of thousands of digits, and bytes that are no UTF-8, too
        raise SetupError(f"{path} is no YAML: {' '.join(str(error).split())[:200]}.") from None
    entries = data.get("expectations") if isinstance(data, dict) else None
    return checked(entries, str(path))


def checked(entries: Any, where: str) -> list[Entry]:
    """The expectations with names and parameters that exist; SetupError for a mistake. `where` names the suite."""
    if not isinstance(entries, list | tuple) or not entries:
        raise SetupError(f"{where}: expectations is a list of mappings with {', '.join(_KEYS)}, one at least.")
    return [_entry(entry, f"{where}: expectation {number}") for number, entry in enumerate(entries, 1)]


def _entry(entry: Any, where: str) -> Entry:
    if not isinstance(entry, dict):
        raise SetupError(f"{where} is no mapping.", choices=_KEYS)
    for key, value in entry.items():
        if key not in _KEYS:
            raise unknown_name(f"key of '{where}'", str(key), _KEYS)
        if not isinstance(value, _KEYS[key]):
            raise SetupError(f"{where}: {key} is {str(value)[:100]!r}, not a {_KEYS[key].__name__}.")
    named = {"severity": "critical", "kwargs": {}, **entry}
    for key, known in (("table", ROW_ID), ("type", [*_schemas(), *OURS]), ("severity", _SEVERITIES)):
        if named.get(key) not in known:
            raise unknown_name(f"{key} of '{where}'", str(named.get(key)), known)
    _check_parameters(named["type"], named["kwargs"], where)
    return {**entry, "kwargs": named["kwargs"]}


def _check_parameters(kind: str, kwargs: Mapping[str, Any], where: str) -> None:
    valid = OURS.get(kind) or sorted({*_schemas()[kind]["properties"]} - _RUNTIME)
    for name in kwargs:
        if name not in valid:
            raise unknown_name(f"parameter of '{kind}'", str(name), valid)
    if lacking := [name for name in _schemas().get(kind, {}).get("required", ()) if name not in kwargs]:
        raise SetupError(f"{where}: {kind} needs {', '.join(lacking)}.", choices=valid)
    text = json.dumps(kwargs, default=str)
    if "$PARAMETER" in text:
        raise SetupError(f"{where}: a gate has no suite parameters; write the value.")
    try:
        json.dumps(json.loads(text, parse_int=float), allow_nan=False)
    except ValueError:
        raise SetupError(f"{where}: a number in its kwargs is not finite, or above 1e308.") from None


@cache
def _schemas() -> Mapping[str, Mapping[str, Any]]:
    """The JSON Schema of each expectation of the library that works on SQL, by name."""
    spec = find_spec("great_expectations")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "expectations" / "core" / "schemas"
    known = json.loads((folder / "index.json").read_text(encoding="utf-8"))["expectations"]
    return {
        name: json.loads((folder / row["schema_file"]).read_text(encoding="utf-8"))
        for name, row in known.items()
        if name not in _ELSEWHERE
    }
