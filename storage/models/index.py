"""models/<name>/index.json: the versions of a model with tags and yanks. Git-tracked and authoritative, as a dataset's is.

A copy of each version's training.json lies beside it in manifests/, so that lineage can be read in a clone without weights.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.files import json_text, parse_object, read_object, read_utf8, write_text
from rollmill.storage.versions.index import LINK, NAME, check_names, check_texts

INDEX_SCHEMA = 1
MODELS = "models"
"""Folder of a workspace's models, and what a reference to one begins with: `models/student@v2`."""
_NUMBER = re.compile(r"v([0-9]{1,9})(?:-([0-9a-f]{8}))?")
_HASH = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True)
class ModelEntry:
    """A version in the index of a model. `content_hash`: hash of its weights, tokenizer and configuration. `training_id`:
    hash of all that determined the training, None for an imported model. `init`: content hash of the initial model.
    """

    number: int
    content_hash: str
    training_id: str | None
    init: str | None
    created_at: str
    bytes: int

    @property
    def folder(self) -> str:
        """The name of the version's folder: number and the first eight digits of its content hash."""
        return f"v{self.number}-{self.content_hash[:8]}"


@dataclass(frozen=True)
class ModelIndex:
    """The versions of a model, oldest first, with tags (name -> folder) and yanks (folder -> reason)."""

    name: str
    versions: tuple[ModelEntry, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    yanked: Mapping[str, str] = field(default_factory=dict)

    @property
    def newest(self) -> ModelEntry | None:
        """The version with the highest number, yanked or not."""
        return self.versions[-1] if self.versions else None

    def with_version(self, entry: ModelEntry) -> "ModelIndex":
        """The index with one more version."""
        return replace(self, versions=tuple(sorted((*self.versions, entry), key=lambda known: known.number)))


@dataclass(frozen=True)
class ModelVersion(ModelEntry):
    """A version of a model: its entry in the index, its folder, its marks."""

    name: str
    path: Path
    tags: tuple[str, ...]
    yanked: str | None

    @property
    def ref(self) -> str:
        """Reference of the version, `student@v2`."""
        return f"{self.name}@v{self.number}"

    @property
    def fetched(self) -> bool:
        """True if its weights are in this clone."""
        return (self.path / "config.json").exists()  # every published model has one, see `model_files`

    @property
    def pointer(self) -> Path:
        """DVC's pointer to its files."""
        return self.path.with_name(f"{self.path.name}.dvc")

    def record(self) -> dict[str, Any]:
        """Its training.json, from the copy in git."""
        path = record_copy(self.path.parent.parent, self.name, self.folder)
        return read_object(path, next_command=f"git checkout -- {path}")


def index_path(models: Path, name: str) -> Path:
    """Path of a model's index."""
    return models / name / "index.json"


def record_copy(models: Path, name: str, folder: str) -> Path:
    """Path of the git-tracked copy of a version's training.json."""
    return models / name / "manifests" / f"{folder}.json"


def model_names(models: Path) -> list[str]:
    """The models with an index, sorted."""
    return sorted(path.parent.name for path in models.glob("*/index.json") if NAME.fullmatch(path.parent.name))


def load_index(models: Path, name: str) -> ModelIndex:
    """The index of a model; an empty one before its first version. SetupError for a damaged file."""
    path = index_path(models, name)
    if not path.exists():
        return ModelIndex(name)
    restoring = f"git checkout -- {path}"
    text = read_utf8(path, next_command=restoring)
    # Before the text is parsed: conflict marks would only be reported as invalid JSON.
    if "<<<<<<< " in text:
        raise SetupError(f"{path} holds a git conflict.", next_command=f"keep both versions under other numbers in {path}")
    value = parse_object(text, path, next_command=restoring)
    if value.get("model_index_schema") != INDEX_SCHEMA:
        raise SetupError(f"{path} is not an index of models of schema {INDEX_SCHEMA}.", next_command=restoring)
    try:
        entries = tuple(ModelEntry(**entry) for entry in value["versions"])
        index = ModelIndex(value["name"], entries, dict(value["tags"]), dict(value["yanked"]))
        check_names(path, index.name, [(entry.number, entry.content_hash) for entry in entries])
        check_texts([*index.tags.items(), *index.yanked.items()])
        return index
    except (KeyError, TypeError, ValueError) as error:
        raise SetupError(f"{path} is not an index of models ({error}).", next_command=restoring) from error


def save_index(models: Path, index: ModelIndex) -> None:
    """Write an index atomically."""
    write_text(index_path(models, index.name), json_text({"model_index_schema": INDEX_SCHEMA, **asdict(index)}))


def model_versions(models: Path, name: str) -> list[ModelVersion]:
    """Every version of a model, oldest first."""
    index = _known(models, name)
    return [version_of(models, index, entry) for entry in index.versions]


def all_models(models: Path) -> list[ModelVersion]:
    """Every version of every model."""
    return [version for name in model_names(models) for version in model_versions(models, name)]


def version_of(models: Path, index: ModelIndex, entry: ModelEntry) -> ModelVersion:
    """An index entry with its model, place, tags and yank."""
    return ModelVersion(
        **vars(entry),
        name=index.name,
        path=models / index.name / entry.folder,
        tags=tuple(sorted(tag for tag, folder in index.tags.items() if folder == entry.folder)),
        yanked=index.yanked.get(entry.folder),
    )


def resolve_model(models: Path, reference: str) -> ModelVersion:
    """The version of `student`, `student@v2`, `student@3f9a` or `student@tag`; SetupError with the choices for another.

    A bare name (or NAME@latest) means the newest version that is not yanked.
    """
    name, at, wanted = reference.removeprefix(f"{MODELS}/").partition("@")
    index = _known(models, name)
    # `latest` is no reserved name of a model's tags: a tag of that name comes first.
    if not at or (wanted == LINK and wanted not in index.tags):
        usable = [entry for entry in index.versions if entry.folder not in index.yanked]
        if not usable:
            raise SetupError(f"every version of {name} is yanked; name one explicitly.", choices=_choices(index))
        return version_of(models, index, usable[-1])
    matches = [entry for entry in index.versions if _means(index, wanted, entry)]
    # Entries of equal content are one model, so a name that means several of them is not ambiguous.
    if len({entry.content_hash for entry in matches}) != 1:
        raise SetupError(
            f"{name} has {len(matches) or 'no'} version{'' if len(matches) == 1 else 's'} called {wanted!r}.",
            choices=_choices(index),
            next_command=f"rollmill model show {name}",
        )
    return version_of(models, index, matches[-1])


def _means(index: ModelIndex, wanted: str, entry: ModelEntry) -> bool:
    if wanted in index.tags:
        return entry.folder == index.tags[wanted]
    if number := _NUMBER.fullmatch(wanted):
        return entry.number == int(number[1]) and entry.content_hash.startswith(number[2] or "")
    return bool(_HASH.fullmatch(wanted)) and entry.content_hash.startswith(wanted)


def _known(models: Path, name: str) -> ModelIndex:
    known = model_names(models)
    if not known:
        raise SetupError(f"no model {name[:80]!r}: none is published yet.", next_command="rollmill train RECIPE")
    if name not in known:
        raise unknown_name("model", name, known, next_command="rollmill model list")
    return load_index(models, name)


def _choices(index: ModelIndex) -> list[str]:
    return [*(f"v{entry.number} ({entry.content_hash[:8]})" for entry in index.versions), *sorted(index.tags)]


def named_version(models: Path, model: str) -> ModelVersion | None:
    """The version that `models/NAME` or `models/NAME@VERSION` means; None for any other text. SetupError without one."""
    name = model.removeprefix(f"{MODELS}/").partition("@")[0]
    # `models/NAME` may be a plain model folder without versions, such as the shipped one.
    if not model.startswith(f"{MODELS}/") or ("@" not in model and not index_path(models, name).exists()):
        return None
    return resolve_model(models, model)


def numbered_name(models: Path, model: str) -> str:
    """`models/student@v2` for any reference to that version, so that the name never means a later one; other texts stay."""
    version = named_version(models, model)
    return model if version is None else f"{MODELS}/{version.ref}"
