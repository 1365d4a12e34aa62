"""Generation engines by name. Importing this loads no engine library and no model; building an engine does."""

import inspect
from collections.abc import Mapping
from typing import Any

from rollmill.ground.by_name import ByName
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.roles.engine_roles import Generator
from rollmill.roles.registries import registry

GENERATORS = ByName(
    {
        "embedded": "rollmill.pipelines.generate.embedded.engine:Embedded",
        "openai": "rollmill.pipelines.generate.openai:OpenAI",
        "vllm": "rollmill.pipelines.generate.vllm.engine:Vllm",
    }
)

MODEL_FREE = ByName(
    {
        "edit": "rollmill.pipelines.generate.tools.edit:Edit",
        "compose": "rollmill.pipelines.generate.tools.compose:Compose",
        "program": "rollmill.pipelines.generate.tools.program:Program",
        "retrieve": "rollmill.pipelines.generate.tools.retrieve:Retrieve",
        "state_search": "rollmill.pipelines.generate.tools.state_search:StateSearch",
        "toolbox": "rollmill.pipelines.generate.tools.toolbox:Toolbox",
    }
)
"""Engines without a model, for the steps of a recipe that follow others."""

ENGINES = GENERATORS | MODEL_FREE
"""Engines that a recipe may name."""

RATING = ByName({"reward_model": "rollmill.pipelines.generate.reward_model:RewardModel"})
"""Engines that rate texts: scorers ask them, and no recipe draws rollouts from one."""


def built_engine(name: str, model: str, options: Mapping[str, Any], **settings: Any) -> Generator:
    """An engine of a model with options as in a recipe, and its part of a profile's `settings`.

    SetupError for an unknown name or option. The engine loads its model, or finds its servers, when it first draws.
    """
    engines: Mapping[str, Any] = RATING if name in RATING else registry("engine")
    if name not in engines:
        raise unknown_name("engine", name, engines)
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
