"""The notebooks of docs/examples run as they stand, in a workspace with the dataset of the first tutorial."""

import re
import runpy
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from tests.documentation.test_docs import ROOT, blocks, run

EXAMPLES = ROOT / "docs/examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.py"))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of the first tutorial after its first dataset."""
    folder = tmp_path_factory.mktemp("examples") / "first"
    run(f"rollmill init {folder}", folder.parent)
    [recipe] = [block for language, block in blocks("tutorials/first-dataset.md") if language == "yaml"]
    (folder / "recipes/first.yaml").write_text(recipe)
    run("rollmill curate recipes/first.yaml", folder)
    return folder


@pytest.mark.services
@pytest.mark.timeout(300)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, first: Path) -> None:
    with chdir(first), redirect_stdout(StringIO()) as out:
        runpy.run_path(str(notebook), run_name="__main__")
    assert out.getvalue()


def test_the_page_of_the_examples_names_each() -> None:
    named = set(re.findall(r"^\| \[([\w.]+)/?\]", (EXAMPLES / "README.md").read_text(), flags=re.MULTILINE))
    assert named == {path.name for path in EXAMPLES.iterdir()} - {"README.md", "__pycache__"}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_of_cells(notebook: Path) -> None:
    assert notebook.read_text().startswith("# %% [markdown]\n# # ")
