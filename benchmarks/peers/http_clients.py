"""The peers' side of benchmarks/engines/http_engine.py: python http_clients.py NAME URL ROWS FOLDER, in the peers'
environment.

tiktoken is replaced by a word counter, as it downloads tables at run time and nothing here may depend on a network.
"""

import json
import os
import sys
import time
import types
from pathlib import Path


def without_tiktoken() -> None:
    """A module of its name that counts words."""

    class Encoding:
        name = "words"

        def encode(self, text: str, **_: object) -> list[int]:
            return [0] * len(text.split())

        def encode_ordinary(self, text: str) -> list[int]:
            return self.encode(text)

        def decode(self, _: list[int]) -> str:
            return ""

    fake = types.ModuleType("tiktoken")
    fake.Encoding = Encoding  # type: ignore[attr-defined]
    fake.get_encoding = fake.encoding_for_model = lambda *_, **__: Encoding()  # type: ignore[attr-defined]
    sys.modules["tiktoken"] = fake


def curator(url: str, rows: int, folder: Path) -> float:
    """Bespoke Curator: seconds for these rows, first run."""
    os.environ |= {
        "CURATOR_CACHE_DIR": str(folder), "TELEMETRY_ENABLED": "0", "CURATOR_DISABLE_RICH_DISPLAY": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENAI_API_KEY": "none", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    without_tiktoken()
    from bespokelabs import curator as bespoke

    class Asker(bespoke.LLM):  # type: ignore[misc]
        def prompt(self, row: dict[str, str]) -> str:
            return row["prompt"]

        def parse(self, row: dict[str, str], response: str) -> dict[str, str]:
            return {"prompt": row["prompt"], "text": response}

    limits = {
        "base_url": url,
        "max_requests_per_minute": 10**7,
        "max_tokens_per_minute": 10**9,
        "require_all_responses": True,
    }
    llm = Asker(model_name="toy", backend="openai", backend_params=limits)
    began = time.perf_counter()
    reply = llm([{"prompt": f"What is {number} + 2?"} for number in range(rows)])
    seconds = time.perf_counter() - began
    data = reply.dataset if hasattr(reply, "dataset") else reply
    assert len(data) == rows, len(data)
    return seconds


def designer(url: str, rows: int, folder: Path) -> float:
    """NeMo Data Designer: seconds for these rows, one sampled column and one column of text from the model."""
    os.environ |= {"NEMO_TELEMETRY_ENABLED": "false", "OPENAI_API_KEY": "none", "HF_HUB_OFFLINE": "1"}
    without_tiktoken()
    from data_designer import config
    from data_designer.interface import DataDesigner

    provider = config.ModelProvider(name="local", endpoint=url, api_key="none")
    how = config.ChatCompletionInferenceParams(max_tokens=64, max_parallel_requests=64)
    model = config.ModelConfig(alias="toy", model="toy", provider="local", inference_parameters=how, skip_health_check=True)
    builder = config.DataDesignerConfigBuilder(model_configs=[model])
    numbers = config.UniformSamplerParams(low=0, high=10**9)
    builder.add_column(config.SamplerColumnConfig(name="number", sampler_type="uniform", params=numbers))
    builder.add_column(config.LLMTextColumnConfig(name="text", prompt="What is {{ number }} + 2?", model_alias="toy"))
    designer = DataDesigner(artifact_path=folder, model_providers=[provider])
    began = time.perf_counter()
    results = designer.create(builder, num_records=rows)
    seconds = time.perf_counter() - began
    assert len(results.load_dataset()) == rows
    return seconds


PEERS = {"curator": curator, "designer": designer}


def main() -> None:
    """Print {"seconds": ...} as the last line."""
    name, url, rows, folder = sys.argv[1:5]
    seconds = PEERS[name](url, int(rows), Path(folder))
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
