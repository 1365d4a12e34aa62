"""Generation engines by name. Importing this loads no engine library and no model; building an engine does."""

from typing import Any

from pipelines.generate.embedded import Embedded
from pipelines.generate.openai import OpenAI
from pipelines.generate.vllm.engine import Vllm

GENERATORS: dict[str, type[Any]] = {"embedded": Embedded, "openai": OpenAI, "vllm": Vllm}

__all__ = ["GENERATORS", "Embedded", "OpenAI", "Vllm"]
