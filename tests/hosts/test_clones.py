"""Clones of one git repository on two hosts, rows on S3: both publish one number, and no version is lost or renamed."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from rollmill.storage.artifacts.index import Index
from rollmill.storage.versions.index import Entry, load_index
from tests.flows.conftest import Said, finish
from tests.hosts.conftest import WORKERS, Cluster, Outcome, outcome_of
from tests.hosts.network import HERE, Host, Network
from tests.hosts.project import CURATE, NAME
from tests.hosts.services import git_server

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(600)]
SETTINGS = {"left": "budget.options.initial=3", "right": "budget.options.initial=5"}  # of the versions that clash
SMALL = "budget.options.initial=2"


@dataclass
class Clone:
    """A clone of the repository on one host, which is the host's workspace."""

    host: Host
    published: list[Outcome] = field(default_factory=list)

    def git(self, *arguments: str, status: int = 0) -> str:
        said = finish(self.host.start("git", "-C", f"{HERE}/ws", *arguments))
        assert said.status == status, said.out + said.err
        return said.out + said.err

    def dataset(self, *arguments: str, status: int = 0) -> Said:
        said = finish(self.host.rollmill("dataset", *arguments), 240)
        assert said.status == status, said.out + said.err
        assert "Traceback" not in said.err
        return said

    def curate(self, setting: str) -> None:
        outcome = outcome_of(finish(self.host.rollmill(*CURATE, "--direct", "--set", setting), 240))
        self.published.append(outcome)

    def commit(self, message: str) -> None:
        """What a person does after a publication."""
        self.git("add", "datasets")
        self.git("commit", "-q", "-m", message)

    @property
    def index(self) -> Index[Entry]:
        return load_index(self.host.disk / "ws/datasets", NAME)

    def contents(self) -> list[tuple[int, str]]:
        return [(entry.number, entry.content_hash) for entry in self.index.versions]


@pytest.fixture(scope="module")
def origin(hosts: Network) -> Iterator[str]:
    with git_server(hosts["store"]) as url:
        yield url


@pytest.fixture
def clones(cluster: Cluster, origin: str) -> dict[str, Clone]:
    """Two clones with one ledger, one place of segments and one DVC remote; both have v1 with its rows."""
    left, right = (Clone(cluster[name]) for name in WORKERS)
    project = cluster.ledger.rpartition("/")[2]
    for clone in (left, right):
        (clone.host.disk / ".gitconfig").write_text("[user]\nname = a tester\nemail = tester@example.org\n")
    cluster["store"].run("git", "init", "-q", "--bare", "-b", "main", f"{HERE}/git/{project}.git")
    shutil.rmtree(left.host.disk / "ws/datasets", ignore_errors=True)
    shutil.rmtree(left.host.disk / "ws/.git", ignore_errors=True)
    left.git("init", "-q", "-b", "main")
    (left.host.disk / "ws/.gitignore").write_text(".rollmill/\n/reports/\n")
    left.git("remote", "add", "origin", f"{origin}/{project}.git")
    for command in (("init", "--quiet"), ("remote", "add", "--quiet", "--default", "store", f"s3://{project}/dvc")):
        left.host.run(sys.executable, "-P", "-m", "dvc", "--cd", f"{HERE}/ws", *command, DVC_NO_ANALYTICS="1")
    left.curate(SMALL)
    left.dataset("push")
    left.git("add", ".")
    left.commit("v1")
    left.git("push", "-q", "-u", "origin", "main")

    shutil.rmtree(right.host.disk / "ws")
    right.host.run("git", "clone", "-q", f"{origin}/{project}.git", f"{HERE}/ws")
    right.dataset("pull")
    return {"left": left, "right": right}


def clash(clones: dict[str, Clone]) -> tuple[str, str]:
    """Both make a v2 of their own and push its rows; the left one pushes its commit first. The content of each."""
    for name, clone in clones.items():
        clone.curate(SETTINGS[name])
        assert clone.published[-1]["version"] == 2
        clone.dataset("push", f"{NAME}@v2")
        clone.commit("v2")
    left, right = clones.values()
    left.git("push", "-q")
    assert "rejected" in right.git("push", "-q", status=1)
    return left.published[-1]["content_hash"], right.published[-1]["content_hash"]


def settle(clone: Clone, going_on: str) -> None:
    """Every command that is in the way says what to do, and that is enough."""
    for arguments in (("pull",), ("push",), ("show", NAME)):
        said = clone.dataset(*arguments, status=2)
        assert "holds a git conflict: two clones made a version of the same number" in said.err
        assert said.err.rstrip().endswith(f"Next: rollmill dataset rebase {NAME}")
    said = clone.dataset("rebase", NAME)
    assert f"&& {going_on}, then git push" in said.out
    for command in said.out.split("Next: ")[1].partition(", then")[0].split(" && "):
        clone.git("-c", "core.editor=true", *command.split()[1:])
    clone.git("push", "-q")


def agree(clones: dict[str, Clone], *contents: str) -> None:
    """Both have these versions, in this order, with all rows, sound to the last byte."""
    left, right = clones.values()
    left.git("pull", "-q", "--ff-only")
    for clone in (left, right):
        clone.dataset("pull")
        assert [content for _, content in clone.contents()[1:]] == list(contents)
        assert [number for number, _ in clone.contents()] == [1, 2, 3]
        findings = json.loads(finish(clone.host.rollmill("doctor", "--json"), 240).out)["findings"]  # content hashes too
        versions = [finding for finding in findings if finding["area"] == "versions"]
        expected = [(f"{NAME}@v{number}", True, f"content {content[:8]}") for number, content in clone.contents()]
        assert [(finding["name"], finding["ok"], finding["detail"]) for finding in versions] == expected
        assert clone.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("way", "going_on"),
    [("--rebase", "git rebase --continue"), pytest.param("--no-rebase", "git commit", marks=pytest.mark.long)],
)
def test_the_second_of_two_clones_moves_its_version_behind_the_first(
    clones: dict[str, Clone], way: str, going_on: str
) -> None:
    first, second = clash(clones)
    clones["right"].git("pull", "-q", way, status=1)
    settle(clones["right"], going_on)
    agree(clones, first, second)
