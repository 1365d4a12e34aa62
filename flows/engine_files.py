"""Files that an engine's options name: models, weights and templates of the workspace, or shipped with the program."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rollmill.flows import CHECKOUT
from rollmill.flows.recipe.methods import MethodSpec
from rollmill.flows.sampling.engine_models import engine_model
from rollmill.pipelines.engine_roles import FindsFiles
from rollmill.storage.models.index import MODELS


def with_places(engine: MethodSpec, root: Path) -> MethodSpec:
    """The engine with the full paths of the files that its options name, in the workspace or shipped with the program.

    A reference to a version, `models/student@v2`, becomes the path of its folder; to an engine that asks servers it stays
    a name. An option that names no file stays: a model may be a mere name.
    """
    options = dict(engine.options)
    if isinstance(model := options.get("model"), str):
        options["model"] = engine_model(root / MODELS, engine.cls, model)
    names: Sequence[str] = engine.cls.places if isinstance(engine.cls, FindsFiles) else ()
    tried = [(key, folder / str(options[key])) for key in names if options.get(key) for folder in (CHECKOUT, root)]
    return replace(engine, options={**options, **{key: str(place) for key, place in tried if _exists(place)}})


def _exists(place: Path) -> bool:
    """A chat template may be given as text, which no file can have as its name."""
    with suppress(OSError, ValueError):
        return place.exists()
    return False
