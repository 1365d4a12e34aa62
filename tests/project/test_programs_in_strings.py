"""Programs that tests write as text import names that exist: no import line shows there when a name has moved."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(file for folder in ("tests", "benchmarks") for file in (ROOT / folder).rglob("*.py"))
IMPORT = re.compile(r"^[ ]*from ((?:rollmill|tests|benchmarks)\b[\w.]*) import \(?([\w, ]+)", re.MULTILINE)


def missing_names(program: str) -> list[str]:
    """Names that `program` imports of this tree and that are not there."""
    missing = []
    for module, names in IMPORT.findall(program):
        try:
            imported = importlib.import_module(module)
        except ModuleNotFoundError:
            missing.append(module)
            continue
        for name in (name.split(" as ")[0].strip() for name in names.split(",")):
            if name and not hasattr(imported, name):
                try:
                    importlib.import_module(f"{module}.{name}")
                except ModuleNotFoundError:
                    missing.append(f"{module}.{name}")
    return missing


def programs(file: Path) -> list[str]:
    """Literal texts of `file` with an import of this tree."""
    constants = (node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant))
    return [text for text in constants if isinstance(text, str) and IMPORT.search(text)]


def test_programs_in_strings_import_names_that_exist() -> None:
    written = [(file, text) for file in FILES if file != Path(__file__) for text in programs(file)]
    assert len(written) > 20
    assert [(str(file.relative_to(ROOT)), missing) for file, text in written if (missing := missing_names(text))] == []


@pytest.mark.parametrize(
    ("program", "missing"),
    [
        ("from rollmill.ground.records import Problem\n", []),
        ("from rollmill.ground.records import Problem, Absent\n", ["rollmill.ground.records.Absent"]),
        ("from rollmill.storage.absent import Problem\n", ["rollmill.storage.absent"]),
        ("from rollmill.ground import records\n", []),
    ],
)
def test_a_missing_name_is_reported(program: str, missing: list[str]) -> None:
    assert missing_names(program) == missing
