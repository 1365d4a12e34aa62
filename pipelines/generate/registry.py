"""Generation engines by name. Importing this loads no engine library and no model; building an engine does."""

import inspect
from collections.abc import Mapping
from typing import Any

from pipelines.engine_roles import Generator
from storage.ground.by_name import ByName
from storage.ground.errors import SetupError, unknown_name

GENERATORS = ByName(
    {
        "embedded": "pipelines.generate.embedded.engine:Embedded",
        "openai": "pipelines.generate.openai:OpenAI",
        "prover": "pipelines.generate.tools.prover:ProverEngine",
        "vllm": "pipelines.generate.vllm.engine:Vllm",
    }
)

MODEL_FREE = ByName(
    {
        "edit": "pipelines.generate.tools.edit:Edit",
        "compose": "pipelines.generate.tools.compose:Compose",
        "program": "pipelines.generate.tools.program:Program",
        "retrieve": "pipelines.generate.tools.retrieve:Retrieve",
        "state_search": "pipelines.generate.tools.state_search:StateSearch",
        "toolbox": "pipelines.generate.tools.toolbox:Toolbox",
    }
)
"""Engines without a model, for the steps of a recipe that follow others."""

ENGINES = GENERATORS | MODEL_FREE
"""Engines that a recipe may name."""

RATING = ByName({"reward_model": "pipelines.generate.reward_model:RewardModel"})
"""Engines that rate texts: scorers ask them, and no recipe draws rollouts from one."""


def built_engine(name: str, model: str, options: Mapping[str, Any], **settings: Any) -> Generator:
    """An engine of a model with options as in a recipe, and its part of a profile's `settings`.

    SetupError for an unknown name or option. The engine loads its model, or finds its servers, when it first draws.
    """
    engines = ENGINES | RATING
    if name not in engines:
        raise unknown_name("engine", name, ENGINES)
    engine = engines[name]
    known = inspect.signature(engine).parameters
    for option in options:
        if option not in known:
            raise unknown_name(f"option of engine {name!r}", option, sorted(known.keys() - {"model"} - settings.keys()))
    try:
        built: Generator = engine(model=model, **options, **{key: settings[key] for key in settings if key in known})
    except TypeError as error:
        raise SetupError(f"engine {name!r}: {error}.") from None
    return built
