"""Files of a published model: their digests, and the checks before any of them is used.

The index and the copies of records come with git, which is trusted for what was published. A model's folder may come from a
remote, which proves nothing.
"""

from collections.abc import Mapping
from pathlib import Path

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.ids import canonical_json, sha256_text
from rollmill.storage.artifacts.digests import altered, digest, require_own_folder, require_pointed
from rollmill.storage.models.index import ModelVersion, named_version

ABOUT = frozenset({"README.md", "training.json", "scores.json", "order.parquet", "steps.jsonl", ".gitattributes"})
"""Files about a model, which do not decide its texts."""


def model_names(folder: Path) -> list[str]:
    """The files that decide a model's texts, sorted; SetupError for a folder without a configuration."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name not in ABOUT)
    if "config.json" not in names:
        raise SetupError(f"{folder} has no config.json.", next_command="name a model folder in the form of Hugging Face")
    return names


def model_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file that decides a model's texts, by name."""
    return {name: digest(folder / name) for name in model_names(folder)}


def content_hash(files: Mapping[str, str]) -> str:
    """Content hash of a model, from the digests of its files."""
    return sha256_text(canonical_json(dict(sorted(files.items()))))


def require_published_model(version: ModelVersion) -> None:
    """FoundWanting where a file of a version is not the one that was published."""
    require_own_folder(version.path, version.ref)
    published, names = version.record()["files"], model_names(version.path)
    again = f"rollmill model pull {version.ref}"
    # Names and sizes first: gigabytes that nobody published would be read for minutes.
    odd = sorted(published.keys() ^ set(names))
    size = 0 if odd else sum((version.path / name).stat().st_size for name in names)
    if size > version.bytes > 0:
        raise altered("a file", f"{size:,} bytes together with the others", "", version.ref, again)
    present = {} if odd else model_files(version.path)
    odd = odd or [name for name in names if present[name] != published[name]]
    # The hash as well: the record may have been altered together with a file, the index not.
    if odd or content_hash(present) != version.content_hash:
        raise FoundWanting(
            f"{odd[0] if odd else 'a file'} of {version.ref} is not the one that was published.",
            next_command=again,
        )


def checked_file(version: ModelVersion, name: str) -> Path:
    """A file about a model (ABOUT); SetupError if it is not here, FoundWanting if DVC's pointer is to another."""
    path = version.path / name
    require_own_folder(version.path, version.ref)
    if not path.is_file():
        raise SetupError(f"{version.ref} has no {name} in this clone.", next_command=f"rollmill model pull {version.ref}")
    # Without a pointer no remote can have sent it: it was written here.
    if version.pointer.exists():
        require_pointed(version.path, version.pointer, version.ref, f"rollmill model pull {version.ref}", shards=False)
    return path


def version_folder(models: Path, model: str) -> Path | None:
    """The folder of the version that a text means; None for any text but `models/NAME` and `models/NAME@VERSION`.

    SetupError for a version that does not exist, or whose weights are not in this clone; FoundWanting for altered ones.
    """
    version = named_version(models, model)
    return None if version is None else published_folder(version)


def published_folder(version: ModelVersion) -> Path:
    """The folder of a version, after every file was compared with what was published; SetupError if it is not here."""
    if not version.fetched:
        raise SetupError(
            f"the weights of {version.ref} are not in this clone.", next_command=f"rollmill model pull {version.ref}"
        )
    require_published_model(version)
    return version.path
