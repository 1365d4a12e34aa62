"""What holds for every test file: it leaves the process in its first folder, and no bytecode of users' files behind.

`pytest --postgres`: the ledger of every workspace that a test makes is a PostgreSQL database of its own.
`pytest --one-of-each SEED`: of a test with several cases one is run, which the seed chooses, as `.ci/run` does with kills;
`--cases N`: so many; `--share K`: of one in K of the tier's files alone.
`pytest --kinds K`: where every call of a command fails once, K calls of each group of equal ones.
"""

import atexit
import os
import re
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import settings

from tests.chromium import chromium  # noqa: F401 (a fixture)
from tests.installed import install  # noqa: F401 (a fixture)

OWN = ("services", "security", "sandbox", "chaos", "browser", "hosts", "train", "data", "vllm", "gpu", "papers", "long")
TIERS = ("integration", *OWN)
CHOSEN = re.compile(rf"({'|'.join(TIERS)})( and not \w+)*")  # what `-m` is given for one tier
OTHER_TIER = re.compile(rf"^pytestmark = \[?pytest\.mark\.({'|'.join(TIERS)})\b", re.MULTILINE)
BEGAN, MAIN = Path.cwd(), sys.modules["__main__"]


# Files of recipes that tests run are noted as the person's own code: not in the lists of whoever runs the tests.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="rollmill-tests-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy is imported
settings.register_profile("rollmill", deadline=None)  # a busy machine is no finding
settings.load_profile("rollmill")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgres", action="store_true", help="ledgers in a PostgreSQL that the tests start")
    parser.addoption("--kinds", metavar="K", help="where every call fails once: so many of each group of equal calls")
    parser.addoption("--one-of-each", metavar="SEED", help="of a test with several cases run one, chosen by the seed")
    parser.addoption("--cases", metavar="N", type=int, default=1, help="with --one-of-each: N cases of each test")
    parser.addoption("--share", metavar="K", type=int, default=1, help="with --one-of-each: one in K of the files")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A tier imports the test files that name its mark alone, `make test` those that are not of another tier as a whole.

    All of them take eight seconds in each of its processes.
    """
    if not fnmatch(collection_path.name, "test_*.py"):
        return None
    if config.option.markexpr.startswith("not (integration or "):
        return True if OTHER_TIER.search(text_of(collection_path)) else None
    tier = CHOSEN.fullmatch(config.option.markexpr)
    return None if tier is None or names_mark(collection_path, tier[1]) else True


@cache
def text_of(file: Path) -> str:
    return file.read_text()


def names_mark(file: Path, mark: str) -> bool:
    return f"mark.{mark}" in text_of(file)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    for item in items:
        marks = {mark.name for mark in item.iter_markers()} & set(TIERS)
        if not marks and "rollmill" in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f"{item.nodeid}: runs whole commands, so it is pytest.mark.integration")
        for mark in marks:
            if not names_mark(item.path, mark):
                raise pytest.UsageError(f"{item.nodeid}: name pytest.mark.{mark} in its file, else the tier omits it")
    if config.getoption("--postgres"):
        items[:] = [item for item in items if item.get_closest_marker("sqlite") is None]
    yield  # in which `-m` takes its part
    seed = config.getoption("--one-of-each")
    if seed is not None:
        always = {item.nodeid for item in items if item.get_closest_marker("each_commit")}
        files = some_files(seed, [item.nodeid for item in items], config.getoption("--share"), always)
        chosen = some_of_each(seed, files, config.getoption("--cases"))
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in chosen])
        items[:] = [item for item in items if item.nodeid in chosen]


def some_files(seed: str, names: Sequence[str], share: int, always: Collection[str] = ()) -> list[str]:
    """`always`, and the names in one in `share` of their files: the same for a seed, in every process."""
    files = sorted({name.partition("::")[0] for name in names}, key=lambda name: crc32(f"{seed} {name}".encode()))
    chosen = set(files[: -(-len(files) // share)])
    return [name for name in names if name in always or name.partition("::")[0] in chosen]


def some_of_each(seed: str, names: Sequence[str], count: int = 1) -> set[str]:
    """So many of the names that differ in their case alone, `test[case]`: the same for a seed, in every process."""
    cases: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        cases[name.partition("[")[0]].append(name)
    drawn = (sorted(same, key=lambda name: crc32(f"{seed} {name}".encode()))[:count] for same in cases.values())
    return {name for some in drawn for name in some}


def pytest_collection_finish() -> None:
    """Bytecode of tests and program is kept; that of files in workspaces is not, as tests change them within a second."""
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


@pytest.fixture(autouse=True, scope="module")
def _same_folder() -> Iterator[None]:
    """`rollmill --directory` changes the folder of its process, which here is that of all tests, fixtures included.

    A page that a test ran stays the main module, which processes that are forked later would run again.
    """
    yield
    os.chdir(BEGAN)
    sys.modules["__main__"] = MAIN


@pytest.fixture(autouse=True, scope="session")
def _ledgers(request: pytest.FixtureRequest) -> Iterator[None]:
    if not request.config.getoption("--postgres", default=False):
        yield
        return
    from tests.postgres_server import ledgers_on, postgres_server

    with postgres_server() as server, ledgers_on(server):
        yield
