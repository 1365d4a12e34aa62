"""Models as engines take them: the folder of a version in the workspace, or the name by which a server knows it."""

from pathlib import Path
from typing import Any

from rollmill.pipelines.generate.registry import RATING
from rollmill.roles.engine_roles import NamesServedModels
from rollmill.roles.registries import registry
from rollmill.storage.models.files import version_folder
from rollmill.storage.models.index import numbered_name


def engine_model(models: Path, engine: Any, model: str) -> str:
    """The model of an engine, given by its class or its recipe name: a version's folder, or its numbered name for a server.

    `models` is the workspace's folder of models. A text that means no version stays. SetupError for an unknown version.
    """
    if isinstance(engine, str):
        engine = RATING[engine] if engine in RATING else registry("engine").get(engine)
    if isinstance(engine, NamesServedModels):
        return numbered_name(models, model)
    return str(version_folder(models, model) or model)
