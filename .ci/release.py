"""`make release [VERSION=X.Y.Z]`: a tag, a wheel, a source archive and release notes in dist/. Nothing is uploaded.

The release is made in a temporary clone. Commit, tag and files are taken over from there once every check has passed.
Text under `## Unreleased` becomes the section of VERSION. VERSION may be left out where the changelog has that section
already, as for the first release.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from packaging.metadata import Metadata, parse_email
from packaging.version import Version
from trove_classifiers import classifiers as known_classifiers

ROOT = Path.cwd()
sys.path.insert(0, str(ROOT))

from rollmill.version import sections, tree_version  # noqa: E402

NEEDED = ("summary", "description", "license_expression", "license_files", "requires_python", "keywords", "classifiers")
NUMBER = re.compile(r"\d+\.\d+\.\d+")


class ReleaseError(Exception):
    """The release cannot be made; the message says why and what to do."""


def git(tree: Path, *words: str) -> str:
    """Standard output of a git command; ReleaseError with the error that git gives."""
    done = subprocess.run(["git", "-C", str(tree), *words], capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def chosen_version(changelog: str, asked: str | None, tagged: set[str]) -> str:
    """The version to release: the one asked for, or the newest section without a tag."""
    texts = sections(changelog)
    newest = next((title for title in texts if NUMBER.fullmatch(title)), None)
    version = asked or newest
    if version is None or (texts.get("Unreleased") and not asked):
        raise ReleaseError("CHANGELOG.md has text under Unreleased. Next: make release VERSION=X.Y.Z")
    if not NUMBER.fullmatch(version):
        raise ReleaseError(f"{version!r} is no version of three numbers, such as 0.2.0.")
    if version in tagged:
        raise ReleaseError(f"v{version} is tagged already. Next: make release VERSION=X.Y.Z with a higher number")
    if any(Version(version) < Version(other) for other in tagged):
        raise ReleaseError(f"{version} is lower than a version that is tagged already.")
    if version in texts and texts.get("Unreleased"):
        raise ReleaseError(
            f"CHANGELOG.md has text under Unreleased beside the section {version}; move it into one of them."
        )
    if not texts.get(version) and not texts.get("Unreleased"):
        raise ReleaseError(f"CHANGELOG.md has no text for {version}: neither under Unreleased nor in a section of its own.")
    return version


def released(changelog: str, version: str) -> str:
    """The changelog with the text under Unreleased in the section of a version."""
    if version in sections(changelog):
        return changelog
    return changelog.replace("## Unreleased\n", f"## Unreleased\n\n## {version}\n", 1)


def notes(changelog: str, version: str) -> str:
    """The release notes: title, day and the section of the changelog."""
    return f"# Rollmill {version} ({datetime.now(UTC):%Y-%m-%d})\n\n{sections(changelog)[version]}\n"


def metadata_faults(text: bytes, version: str) -> Iterator[str]:
    """Faults in the metadata of a public package: fields that it lacks or may not have."""
    raw, unknown = parse_email(text)
    if unknown:
        yield f"fields that no reader knows: {', '.join(unknown)}"
    try:
        data = Metadata.from_raw(raw, validate=True)
    except ExceptionGroup as group:
        yield from (str(error) for error in group.exceptions)
        return
    if (data.name, str(data.version)) != ("rollmill", version):
        yield f"it says {data.name} {data.version}, not rollmill {version}"
    yield from (f"{field} is empty" for field in NEEDED if not getattr(data, field))
    if data.description_content_type != "text/markdown":
        yield f"the description is {data.description_content_type}, not text/markdown"
    private = {name for name in data.classifiers or [] if name not in known_classifiers or name.startswith("Private ::")}
    yield from (f"the classifier {name!r} is not for a public package" for name in sorted(private))
    yield from (f"the requirement {item} names a place, not a version" for item in data.requires_dist or [] if item.url)
    places = {url for url in (data.project_urls or {}).values() if not url.startswith("https://")}
    yield from (f"the URL {url} is not one of https" for url in sorted(places))


def wheel_faults(wheel: Path, version: str, places: tuple[Path, ...]) -> Iterator[str]:
    """Faults of a wheel: its metadata, files outside of `rollmill`, paths of the machine that built it."""
    about = f"rollmill-{version}.dist-info/"
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        yield from metadata_faults(archive.read(f"{about}METADATA"), version)
        if not any(name.startswith(f"{about}licenses/") for name in names):
            yield "the licence is not in it"
        if b"rollmill = rollmill.__main__:main" not in archive.read(f"{about}entry_points.txt"):
            yield "it has no command `rollmill`"
        yield from (f"{name} is outside of rollmill" for name in names if not name.startswith(("rollmill/", about)))
        for name in names:
            data = archive.read(name)
            yield from (f"{name} names {place}" for place in places if f"{place}/".encode() in data)


def sdist_faults(sdist: Path, wheel: Path, version: str) -> Iterator[str]:
    """Faults of a source archive: other metadata than the wheel's, or no licence."""
    with tarfile.open(sdist) as archive, ZipFile(wheel) as built:
        file = archive.extractfile(f"rollmill-{version}/PKG-INFO")
        if file is None or file.read() != built.read(f"rollmill-{version}.dist-info/METADATA"):
            yield "its metadata differ from those of the wheel"
        if f"rollmill-{version}/LICENSE" not in archive.getnames():
            yield "the licence is not in it"


def make(clone: Path, asked: str | None) -> tuple[str, list[Path]]:
    """Commit, tag, build and check in a clone; the version and the files for dist/."""
    changelog = clone / "CHANGELOG.md"
    tagged = {tag.removeprefix("v") for tag in git(clone, "tag").split() if NUMBER.fullmatch(tag.removeprefix("v"))}
    version = chosen_version(changelog.read_text(), asked, tagged)
    text = released(changelog.read_text(), version)
    if text != changelog.read_text():
        changelog.write_text(text)
        git(clone, "commit", "-qam", f"Release {version}")
    dist = clone / "dist"
    dist.mkdir()
    about = dist / f"release-notes-{version}.md"
    about.write_text(notes(text, version))
    git(clone, "tag", "--cleanup=whitespace", "-aF", str(about), f"v{version}")
    if tree_version(clone) != version:
        raise ReleaseError(f"the tag v{version} gives the version {tree_version(clone)}; rollmill/version.py is at fault.")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", "dist"], cwd=clone, capture_output=True, text=True
    )
    if built.returncode:
        raise ReleaseError(f"the build failed:\n{built.stderr.strip()}")
    wheel, sdist = dist / f"rollmill-{version}-py3-none-any.whl", dist / f"rollmill-{version}.tar.gz"
    faults = [f"{wheel.name}: {fault}" for fault in wheel_faults(wheel, version, (ROOT, clone, Path.home()))]
    faults += [f"{sdist.name}: {fault}" for fault in sdist_faults(sdist, wheel, version)]
    if faults:
        raise ReleaseError("\n".join(faults))
    return version, [wheel, sdist, about]


def release(asked: str | None) -> None:
    """Make the release in a clone of the repository here, then take over its commit, tag and files."""
    if git(ROOT, "status", "--porcelain"):
        raise ReleaseError("the tree has changes. Next: git status, then commit them or put them away")
    with TemporaryDirectory(prefix="rollmill-release-") as folder:
        clone = Path(folder) / "rollmill"
        git(ROOT, "clone", "-q", str(ROOT), str(clone))
        for key in ("user.name", "user.email"):
            if value := git(ROOT, "config", "--default", "", "--get", key):
                git(clone, "config", key, value)
        version, files = make(clone, asked)
        git(ROOT, "pull", "-q", "--ff-only", str(clone), "HEAD")
        git(ROOT, "fetch", "-q", str(clone), "tag", f"v{version}", "--no-tags")
        (ROOT / "dist").mkdir(exist_ok=True)
        for file in files:
            print(f"dist/{shutil.copy(file, ROOT / 'dist' / file.name).name}")
    if "[project.urls]" not in (ROOT / "pyproject.toml").read_text():
        print("note: pyproject.toml has no [project.urls]; a package index will link to no source")
    print(f"v{version} is tagged here, and nothing was uploaded. Next: git push --follow-tags")


def main() -> int:
    """Make a release; exit status 1 and one line where it is refused."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("version", nargs="?")
    try:
        release(parser.parse_args().version)
    except ReleaseError as error:
        print(f"no release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
