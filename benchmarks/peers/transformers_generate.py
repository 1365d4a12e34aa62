"""transformers' own generate on a model folder, on the CPU; knows nothing of ours.

    python transformers_generate.py MODEL MAX_TOKENS

Loads once. Each line on standard input is JSON: {"prompts": [...], "batch": n}; the answer is the number of tokens drawn,
the end markers included, as JSON. Prompts of a batch are padded on the left; float32, temperature 1, no cut.
"""

import json
import os
import sys


def main() -> None:
    """Serve until the input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
    settings = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=int(sys.argv[2]),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    print(json.dumps("ready"), file=replies, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        prompts, batch = request["prompts"], request["batch"]
        drawn = 0
        for at in range(0, len(prompts), batch):
            tokens = tokenizer(prompts[at : at + batch], return_tensors="pt", padding=True, add_special_tokens=False)
            tokens.pop("token_type_ids", None)
            with torch.inference_mode():
                output = model.generate(**tokens, generation_config=settings)
            new = output[:, tokens["input_ids"].shape[1] :]
            ends = (new == tokenizer.eos_token_id).int()
            lengths = torch.where(ends.any(dim=1), ends.argmax(dim=1) + 1, new.shape[1])
            drawn += int(lengths.sum())
        print(json.dumps(drawn), file=replies, flush=True)


if __name__ == "__main__":
    main()
