"""The glossary's terms are used elsewhere, the pages name files that exist, and no replaced word is left in them."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from docs.generate import GENERATED

ROOT = Path(__file__).resolve().parents[2]
MADE = {ROOT / "docs" / place for place in GENERATED}
PAGES = [ROOT / "README.md", *sorted({*(ROOT / "docs").rglob("*.md")} - MADE)]
TERMS = [
    term
    for cell in re.findall(r"^\| (\*\*.*?) \|", (ROOT / "docs/reference/glossary.md").read_text(), flags=re.MULTILINE)
    for term in re.findall(r"\*\*(.+?)\*\*", cell)
]
FOLDERS = ("flows", "pipelines", "storage", "dashboards", "rollmill", "recipes", "methods")
# Words of earlier versions of Rollmill, for which the glossary has the field's.
REPLACED = re.compile(
    r"\b(purses?|hearings?|lotter(?:y|ies)|(?:joint_)?worlds?|beliefs?|prospects?|outlook|variety|courts?|mill(?:s|ed|ing)?|lanes?"
    r"|crew|desk)\b",
    flags=re.IGNORECASE,
)
FILE = re.compile(
    r"(?<![\w/.-])((?:flows|pipelines|storage|dashboards|benchmarks|tests|recipes|profiles|docs|models|rollmill)/[\w./-]*\w)"
)
NAMELESS = re.compile(r"\b(?:found|said|opened)\b *(?:[=,:)\]]|in\b|as\b)|\bas (?:found|said|opened)\b|\bfor one in\b")


@pytest.fixture(scope="module")
def elsewhere() -> str:
    """All code, recipes and pages but the glossary, in lower case, with blanks for line breaks and underscores."""
    files = [path for folder in FOLDERS for suffix in ("py", "yaml") for path in (ROOT / folder).rglob(f"*.{suffix}")]
    pages = [page for page in PAGES if page.name != "glossary.md"]
    return re.sub(r"[\s_]+", " ", " ".join(path.read_text() for path in (*files, *pages)).lower())


def replaced_words(text: str) -> list[str]:
    """The replaced words in prose; names of files are the affair of whoever renames these."""
    return REPLACED.findall(FILE.sub(" ", text))


def test_the_index_has_the_terms_of_the_project() -> None:
    assert {"rollout", "outcome", "fixed prefix", "random holdout", "spend limiter", "dataset version"} < set(TERMS)
    assert len(TERMS) == len(set(TERMS))
    assert not {"problem", "completion", "verdict", "score"} & set(TERMS)  # as in the field


@pytest.mark.parametrize("term", TERMS)
def test_every_term_is_used_in_code_or_docs(term: str, elsewhere: str) -> None:
    assert re.search(rf"\b{re.escape(term)}", elsewhere)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_replaced_word_is_left(page: Path) -> None:
    assert replaced_words(page.read_text()) == []


def test_a_replaced_word_would_be_seen() -> None:
    assert replaced_words("The Mill draws from a lottery; milling.") == ["Mill", "lottery", "milling"]
    assert replaced_words("Rollmill, `benchmarks/court.py` and a keeper of the sandbox") == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    users = r"NAME|/mine\b|/my_|/smollm2"  # or made by a command, and not shipped
    text = re.sub(r"^# \S+: an? .*$", "", page.read_text(), flags=re.MULTILINE)  # the new file of an example
    written = re.findall(r"^```\w+\n# (\S+\.\w+)$", text, flags=re.MULTILINE)  # by a reader who follows the page
    named = {path for path in FILE.findall(text) if not re.search(users, path) and path not in written}
    assert [path for path in sorted(named) if not any(ROOT.glob(path + "*"))] == []


def test_the_tree_of_the_code_has_every_folder_of_the_pipelines() -> None:
    page = (ROOT / "docs/how-to/find-the-code.md").read_text()
    tree = re.findall(r"^( *)(\w+)/ ", page[page.index("## The tree") :], flags=re.MULTILINE)
    below = {name for indent, name in tree if indent}
    assert [name for indent, name in tree if not indent and not (ROOT / name).is_dir()] == []
    tops = ("rollmill", "flows", "pipelines", "methods")
    assert [name for name in below if not any((ROOT / top / name).is_dir() for top in tops)] == []
    folders = {path.parent for top in ("rollmill", "pipelines") for path in (ROOT / top).glob("*/__init__.py")}
    folders |= {path.parent for path in (ROOT / "methods").glob("*/pyproject.toml")}
    assert {folder.name for folder in folders if not folder.is_symlink()} <= below


def defined(dotted: str) -> bool:
    """Whether a dotted name is a package, a module, or a name in a module: a class, a function, a method of a class."""
    names = dotted.split(".")
    for depth in range(len(names), 0, -1):
        path = ROOT / "/".join(names[:depth])
        source = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        if source.is_file() or path.is_dir():
            return depth == len(names) or all(name in source.read_text() for name in names[depth:])
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_that_are_named_exist(page: Path) -> None:
    dotted = re.findall(r"`((?:flows|pipelines|storage|dashboards|benchmarks)\.\w[\w.]*)", page.read_text())
    assert [name for name in dotted if not defined(name)] == []


def walks() -> dict[str, list[str]]:
    """The walks on the page of the design by their subject: the function that each numbered line begins with."""
    page = (ROOT / "docs/explanation/design.md").read_text()
    section = page[page.index("## Four walks") : page.index("## Durability")]
    _, *parts = re.split(r"^\*\*(.+?)\*\*", section, flags=re.MULTILINE)
    return {
        subject: re.findall(r"^\d+\. `([\w.]+)`", text, flags=re.MULTILINE)
        for subject, text in zip(parts[::2], parts[1::2], strict=True)
    }


@pytest.mark.parametrize("subject", walks())
def test_a_walk_names_at_most_ten_functions_that_exist(subject: str) -> None:
    assert 0 < len(walks()[subject]) <= 10
    for dotted in walks()[subject]:
        names = dotted.split(".")
        depth = max(n for n in range(1, len(names)) if (ROOT / "/".join(names[:n])).with_suffix(".py").is_file())
        value: object = import_module(".".join(names[:depth]))
        for name in names[depth:]:
            value = getattr(value, name)
        assert callable(value)
        assert getattr(value, "__module__", "") == ".".join(names[:depth])  # where it is defined


def test_the_walks_of_the_design_are_there() -> None:
    assert list(walks()) == ["A recipe's key", "A completion's text", "A verdict", "A step's parent"]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_the_pages_resolve(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+://)([^)#\s]*)#?([^)\s]*)\)", page.read_text())
    targets = [(page.parent / file if file else page, anchor) for file, anchor in links]
    assert [str(file) for file, _ in targets if not file.exists()] == []
    assert [(file.name, anchor) for file, anchor in targets if anchor and anchor not in anchors(file)] == []


def test_the_index_of_the_pages_names_each() -> None:
    index = (ROOT / "docs/README.md").read_text()
    pages = [str(page.relative_to(ROOT / "docs")) for page in PAGES[1:] if page.name != "README.md"]
    pages += GENERATED
    assert [page for page in pages if f"({page})" not in index] == []


def test_each_decision_is_told_once() -> None:
    page = (ROOT / "docs/explanation/decisions.md").read_text()
    titles = re.findall(r"^\*\*(.+?)\*\*", page, flags=re.MULTILINE)
    topics = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert [topic.splitlines()[0] for topic in topics if "\n**" not in topic] == []  # a topic without an entry
    assert len(titles) > 40
    assert sorted(set(titles)) == sorted(titles)
    entries = [part for part in page.split("\n\n") if part.startswith("**")]
    assert len(entries) == len(titles)
    assert [entry.partition(".**")[0] for entry in entries if entry.strip().count("\n") > 2 or len(entry) > 3 * 165] == []


@pytest.mark.parametrize(
    ("page", "most"),
    [
        ("docs/explanation/decisions.md", 5500),
        ("docs/explanation/design.md", 1500),
        ("docs/CONTRIBUTING.md", 900),
        ("docs/README.md", 400),
        ("docs/reference/glossary.md", 1200),
    ],
)
def test_pages_keep_their_length(page: str, most: int) -> None:
    assert len((ROOT / page).read_text().split()) <= most


def nameless_values(source: str) -> Iterator[tuple[int, str]]:
    """Where a function calls a result by what was done to it, or an item `one`: line and name."""
    if not NAMELESS.search(source):  # parsing every module takes seconds
        return
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if (
                    isinstance(node, ast.Name)
                    and isinstance(node.ctx, ast.Store)
                    and node.id in ("found", "said", "opened")
                ):
                    yield node.lineno, node.id
                if (
                    isinstance(node, ast.For | ast.comprehension)
                    and isinstance(node.target, ast.Name)
                    and node.target.id == "one"
                ):
                    yield node.target.lineno, "one"


def test_a_value_is_called_what_it_is() -> None:
    modules = [
        path
        for folder in ("flows", "pipelines", "storage", "dashboards", "rollmill", "methods/*/rollmill_*")
        for path in ROOT.glob(f"{folder}/**/*.py")
    ]
    assert [(path.name, *place) for path in modules for place in nameless_values(path.read_text())] == []


def test_a_nameless_value_would_be_seen() -> None:
    source = (
        "found = 1\ndef f(rows, said):\n    found = [one for one in rows]\n    for one, other in rows: opened = other\n"
    )
    assert sorted(nameless_values(source)) == [(3, "found"), (3, "one"), (4, "opened")]
