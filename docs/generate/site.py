"""MkDocs hooks: the pages about the project itself, and links between all pages.

Pages link to one another and to files of the project as these lie in the repository. On the site a link to a page leads to
its place there, and a link to a file that the site does not have becomes plain text.
"""

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
BESIDE: Mapping[str, str] = {
    "project/readme.md": "README.md",
    "project/contributing.md": "docs/CONTRIBUTING.md",
    "project/changelog.md": "CHANGELOG.md",
    "project/security.md": "docs/SECURITY.md",
    "project/code-of-conduct.md": "docs/CODE_OF_CONDUCT.md",
    "project/model.md": "models/rollmill-tiny/README.md",
}
"""Pages about the project, which lie elsewhere in the repository, by their place on the site."""
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"(^```.*?^```$)", flags=re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages about the project."""
    for place, source in BESIDE.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where their targets are on the site."""
    del config
    here = page.file.src_uri
    parts = _FENCE.split(markdown)
    parts[::2] = [_LINK.sub(lambda link: _on_site(link, here, files), part) for part in parts[::2]]
    return "".join(parts)


def _on_site(link: re.Match[str], here: str, files: Files) -> str:
    """A link as the page at `here` has it on the site."""
    picture, text, target, anchor = link.groups(default="")
    source = BESIDE.get(here, f"docs/{here}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    places = {file: place for place, file in BESIDE.items()}
    place = places.get(path, path.removeprefix("docs/"))
    if files.get_file_from_path(place) is None:
        # A wrong link stays one, for MkDocs to find.
        return text if (ROOT / path).exists() else link[0]
    return f"{picture}[{text}]({posixpath.relpath(place, posixpath.dirname(here) or '.')}{anchor})"
