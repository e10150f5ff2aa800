#!/usr/bin/env python3
"""Loads adapters that fettle wrote into PEFT and compares the logits: peft_loads_ours.py FETTLE BASE ...

    pip install torch==2.15.0 transformers==5.24.0 peft==0.21.2
    go build ./cmd/fettle
    python3 -P docs/peers/peft_loads_ours.py ./fettle BASE ... > docs/peers/peft_loads_ours.txt

FETTLE is the binary; each BASE is the directory of a small model with its tokenizer. Run it in the repository: a Go test
(adapter, TestLogitsForPeers) computes fettle's logits. Every adapter is trained for a few steps by fettle, some of them from
an adapter that PEFT wrote, whose patterns and other settings must survive. Warnings of PEFT count as failures, except those of EXPECTED. Float32,
eager attention; a bf16 base is read as float32 by both.
"""
import json
import os
import subprocess
import sys
import tempfile
import warnings

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
import torch
import transformers
import peft
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

transformers.utils.logging.disable_progress_bar()
PROMPTS = [[1, 5, 9, 17, 33, 65, 129, 200, 77, 6, 40, 41], [1, 250, 14, 99, 3, 180, 11, 62]]
WITHIN = 5e-5
QV = ["q_proj", "v_proj"]

# name: settings of fettle train
NEW = {
    "lora": "",
    "lora_all_linear": "--lora_target_modules all-linear --lora_rank 4",
    "lora_paths": "--lora_target_modules model.layers.1.mlp.up_proj,0.self_attn.q_proj,o_proj",
    "lora_rslora": "--use_rslora=true --lora_alpha 3 --lora_rank 5",
    "lora_dropout": "--lora_dropout 0.3",
    "lora_negative_alpha": "--lora_alpha=-6",
    "lora_embed_tokens": "--lora_target_modules q_proj,embed_tokens",
    "lora_lm_head": "--lora_target_modules q_proj,lm_head",
    "save_head": "--modules_to_save lm_head",
    "save_embedding_and_head": "--modules_to_save embed_tokens,lm_head",
    "save_tied_embedding": "--modules_to_save embed_tokens --ensure_weight_tying=true",  # of a tied base alone
    "save_norms": "--modules_to_save input_layernorm,norm",
    "tokens": "--trainable_token_indices 5,33,129",
    "llama_adapter_scalar": "--finetuning_type llama-adapter --gate scalar --gate_activation none --adapter_layers 2",
}
# name: LoraConfig of the adapter that fettle goes on training
CONTINUED = {
    "rank_pattern": dict(rank_pattern={"0.self_attn.q_proj": 6, "q_proj": 2, ".*v_proj": 3}),
    "alpha_pattern": dict(alpha_pattern={"v_proj": 3, ".*1.*v_proj": 40, ".*0.*": 9, "q_proj": 5}),
    "rslora_patterns": dict(use_rslora=True, rank_pattern={"q_proj": 3}, alpha_pattern={".*1.*": 2}),
    "expression": dict(target_modules=r".*layers\.(?!0).*(q|up)_proj", exclude_modules=r".*\.1\..*up_proj"),
    "exclude": dict(target_modules="all-linear", exclude_modules=["mlp.up_proj", "layers.0.self_attn.q_proj"]),
    "layers": dict(target_modules=["k_proj", "model.layers.0.self_attn.o_proj"], layers_to_transform=[1], layers_pattern="layers"),
    "unmatched": dict(target_modules=["q_proj", "query_key_value"]),
    "parameters": dict(target_modules=["q_proj"], target_parameters=["mlp.down_proj.weight"]),
    "lora_bias": dict(lora_bias=True),
    "eva": dict(init_lora_weights="eva"),
    "layer_replication": dict(layer_replication=[[0, 3], [1, 5]]),
    "negative": dict(lora_alpha=-3),
}
# What PEFT says about every such adapter, its own too, and what the output adds. transformers says the first to PEFT.
EXPECTED = {
    "`is_gradient_checkpointing` is deprecated": "",
    "`lora_bias=True` was passed but the targeted layer": " (warned: cannot be merged)",
    "Model has `tie_word_embeddings=True` and a tied layer is part": " (warned: embedding and head are no longer tied)",
}
# name: settings of adapters that PEFT must refuse
REFUSED = {
    "llama_adapter_per_head": "--finetuning_type llama-adapter",
    "llama_adapter_per_head_raw": "--finetuning_type llama-adapter --gate_activation none",
}


def base_model(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()


def train(fettle, base, out, data, settings):
    cmd = [fettle, "train", "--model_name_or_path", base, "--dataset", data, "--output_dir", out, "--recipe", "alpaca",
           "--max_steps", "4", "--learning_rate", "0.02", "--compute", "f32", "--lr_scheduler_type", "constant",
           "--warmup_ratio", "0", "--max_seq_length", "256", *settings.split()]
    run = subprocess.run(cmd, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{' '.join(cmd)}\n{run.stdout}{run.stderr}")


def start(base, config, out):
    """Writes an adapter of PEFT's own, away from its initial values."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        m = get_peft_model(base_model(base), LoraConfig(**{**dict(r=4, lora_alpha=8, target_modules=QV, task_type="CAUSAL_LM"), **config}))
    for p in m.parameters():
        if p.requires_grad:
            p.data += 0.05 * torch.randn(p.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        m.save_pretrained(out)


def logits(m):
    with torch.no_grad():
        return [m(input_ids=torch.tensor([p])).logits[0, -1] for p in PROMPTS]


def gap(a, b):
    return max(float((torch.as_tensor(x) - torch.as_tensor(y)).abs().max()) for x, y in zip(a, b))


def main(fettle, bases):
    fettle = os.path.abspath(fettle)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
    bad = 0
    for base in map(os.path.abspath, bases):
        shape = json.load(open(f"{base}/config.json"))
        print("\nbase: " + ", ".join(f"{k} {shape.get(k)}" for k in ("num_hidden_layers", "hidden_size", "torch_dtype", "tie_word_embeddings")))
        bare = logits(base_model(base))
        with tempfile.TemporaryDirectory() as top:
            data = f"{top}/data.json"
            rows = [{"instruction": f"say {w}", "output": f"{w} and {w} again"} for w in "one two three four five six seven eight".split()]
            json.dump(rows, open(data, "w"))
            entries = []
            for name, settings in NEW.items():
                if "tying" in settings and not shape["tie_word_embeddings"]:
                    continue
                train(fettle, base, f"{top}/{name}", data, settings)
                entries.append(dict(base=base, adapter=f"{top}/{name}", prompts=PROMPTS))
            for name, config in CONTINUED.items():
                start(base, config, f"{top}/peft_{name}")
                train(fettle, base, f"{top}/{name}", data, f"--adapter_name_or_path {top}/peft_{name}")
                entries.append(dict(base=base, adapter=f"{top}/{name}", prompts=PROMPTS))
            json.dump(entries, open(f"{top}/entries.json", "w"))
            subprocess.run(["go", "test", "./adapter", "-count=1", "-run", "TestLogitsForPeers"], check=True, stdout=subprocess.DEVNULL,
                           env={**os.environ, "FETTLE_PEERS": f"{top}/entries.json"})
            for e in json.load(open(f"{top}/entries.json")):
                name = os.path.basename(e["adapter"])
                with warnings.catch_warnings(record=True) as seen:
                    warnings.simplefilter("always")
                    got = logits(PeftModel.from_pretrained(base_model(base), e["adapter"]).eval())
                seen = {str(w.message) for w in seen}
                told = {note for text, note in EXPECTED.items() if any(w.startswith(text) for w in seen)}
                seen = sorted(w for w in seen if not w.startswith(tuple(EXPECTED)))
                distance = gap(got, e["logits"])
                ok = distance < WITHIN and not seen and gap(got, bare) > 1e-3
                bad += not ok
                print(f"  {name:26} differs by {distance:.1e}, changes the base's by {gap(got, bare):.1e}{''.join(sorted(told))}{'' if ok else '   WRONG ' + str(seen)}")
            for name, settings in REFUSED.items():
                train(fettle, base, f"{top}/{name}", data, settings)
                try:
                    PeftModel.from_pretrained(base_model(base), f"{top}/{name}")
                    bad += 1
                    print(f"  {name:26} loads   WRONG")
                except Exception as err:
                    print(f"  {name:26} is refused: {type(err).__name__}: {err}")
    print("\nall as they should be" if not bad else f"\n{bad} WRONG")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
