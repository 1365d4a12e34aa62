"""The examples of contributed.md put into a copy of the tree: a new file, a line and a test row for each kind of method.

The examples of all kinds are put into one copy. What each adds is counted, and the contract tests are run on all of them.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rollmill.flows.cli.new import places_in_product
from rollmill.roles.registries import REGISTRIES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "tests/project/contributed.md").read_text()
GUIDE = (ROOT / "docs/CONTRIBUTING.md").read_text()
BLOCK = re.compile(
    r"^```(?:python|yaml|text)\n# (\S+?)(?:: an? ([a-z ]+)|, in (\w+))\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
WITHOUT_AN_EXAMPLE = {"number of a version", "kind of jobs"}
"""A number for every manifest, and what a package brings (tests/flows/cli/test_kind_of_package.py)."""
pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Example:
    """The blocks of one kind: its new file, then what goes into a dictionary or list of another file, by file and name."""

    kind: str
    path: str
    text: str
    lines: tuple[tuple[str, str, str], ...]


def examples() -> Iterator[Example]:
    blocks = BLOCK.findall(PAGE)
    starts = [at for at, (_, kind, _, _) in enumerate(blocks) if kind]
    for start, end in zip(starts, [*starts[1:], len(blocks)], strict=True):
        path, kind, _, text = blocks[start]
        yield Example(kind, path, text, tuple((file, name, line) for file, _, name, line in blocks[start + 1 : end]))


EXAMPLES = {example.kind: example for example in examples()}
OTHERS = re.findall(r"^\| (\w[\w ]*?) \| (.+?) \| `(tests/.+?)` \|$", GUIDE, flags=re.MULTILINE)


def places() -> dict[str, tuple[list[str], str]]:
    """The files and the contract test of each kind: of a role as `rollmill methods new` says, else of the table."""
    known = {kind: (re.findall(r"`([^`]+)`", files), contract) for kind, files, contract in OTHERS}
    for role in REGISTRIES:
        *files, contract = places_in_product(role, "<name>")
        known["acceptance policy" if role == "policy" else role] = (files, contract)
    return known


PLACES = places()


def opening(lines: list[str], name: str) -> int:
    """The place behind the line or lines that open a dictionary or list."""
    at = next(at for at, line in enumerate(lines) if re.match(rf"\s*{name}\b.*[(\[{{:]( +#.*)?$", line)) + 1
    while lines[at].strip() in ("(", "[", "{"):
        at += 1
    return at


def put(text: str, name: str, added: str) -> str:
    """A file's text with these lines first in its dictionary or list."""
    lines = text.split("\n")
    at = opening(lines, name)
    indent = re.match(r" *", lines[at])
    assert indent is not None
    return "\n".join([*lines[:at], *(indent[0] + line for line in added.rstrip("\n").split("\n")), *lines[at:]])


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the checkout that git knows or would take, with every example in its place."""
    folder = tmp_path_factory.mktemp("contributing")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name, follow_symlinks=False)
    for example in EXAMPLES.values():
        assert not (folder / example.path).exists()
        (folder / example.path).write_text(example.text)
        for file, name, line in example.lines:
            (folder / file).write_text(put((folder / file).read_text(), name, line))
    return folder


def test_every_kind_has_an_example() -> None:
    assert set(PLACES) == {*EXAMPLES, *WITHOUT_AN_EXAMPLE}


def test_the_guide_shows_an_example_as_it_is_tested() -> None:
    assert [block for block in re.findall(r"^```python\n.*?^```$", GUIDE, flags=re.M | re.S) if block not in PAGE] == []
    assert EXAMPLES["verifier"].text in GUIDE


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_kind_takes_one_new_file_one_line_and_one_row(kind: str) -> None:
    example, (files, contract) = EXAMPLES[kind], PLACES[kind]
    product = [(file, line) for file, _, line in example.lines if not file.startswith("tests/")]
    rows = [(file, line) for file, _, line in example.lines if file.startswith("tests/")]
    known = [file.replace("<name>", Path(example.path).stem) for file in files]
    assert {example.path, *(file for file, _ in product)} <= set(known)
    assert [line.count("\n") for file, line in product if file.endswith(".py")] == [1]
    assert [(file, line.count("\n")) for file, line in rows] in ([], [(contract, 1)])


def test_the_contract_tests_hold_for_every_example(tree: Path) -> None:
    tests = sorted({PLACES[kind][1] for kind in EXAMPLES})
    named = {kind: Path(example.path).stem for kind, example in EXAMPLES.items()}
    named["metric of a pool"] = "first_number"
    pytest_ = [sys.executable, "-m", "pytest", "-vv", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout", "300"]
    chosen = " or ".join([*named.values(), "every_engine_has", "every_verifier_has", "table_covers"])
    ran = subprocess.run([*pytest_, *tests, "-k", chosen], cwd=tree, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    passed = [line for line in ran.stdout.splitlines() if " PASSED" in line]
    assert [kind for kind, name in named.items() if not any(name in line for line in passed)] == []
