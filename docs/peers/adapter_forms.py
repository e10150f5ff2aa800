#!/usr/bin/env python3
"""Reads and writes adapters with LitGPT and PEFT and compares the logits with fettle's: adapter_forms.py BASE ...

    pip install torch==2.15.0 transformers==5.24.0 peft==0.21.2 litgpt==0.5.4    # and again with litgpt==0.5.13
    python3 -P docs/peers/adapter_forms.py BASE ... >> docs/peers/adapter_forms.txt

Each BASE is the directory of a small LLaMA. Run it in the repository: a Go test (adapter, TestLogitsForPeers) computes
fettle's logits and writes the adapters in other forms. Adapters of LitGPT, random ones of either kind, must compute in
fettle as in LitGPT, and do so in LitGPT again after fettle wrote them; adapters of PEFT whose rsLoRA and patterns
fettle folds must compute in PEFT as before. Float32.

LitGPT laid the rows of q, k and v out group by group, in attn.attn, up to 0.5.4, and one after another, in attn.qkv, since. Its
LLaMA-Adapter still takes keys and values from where they were, so that it computes something else since 0.5.5: that is shown, and no failure.
"""
import inspect
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
from litgpt import adapter as lit_adapter
from litgpt import lora as lit_lora
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

transformers.utils.logging.disable_progress_bar()
PROMPTS = [[1, 5, 9, 17, 33, 65, 129, 200, 77, 6, 40, 41], [1, 250, 14, 99, 3, 180, 11, 62]]
WITHIN = 5e-5

JOINT = "qkv" if "self.qkv =" in inspect.getsource(lit_lora) else "attn"

# name: settings of LitGPT's LoRA
LORA = {
    "qv": dict(lora_query=True, lora_value=True),
    "key": dict(lora_key=True),
    "all": dict(lora_query=True, lora_key=True, lora_value=True, lora_projection=True, lora_mlp=True, lora_head=True),
    "projection": dict(lora_projection=True),
}
# name: settings of PEFT's, which fettle folds
FOLDED = {
    "rslora": dict(use_rslora=True),
    "rank_pattern": dict(rank_pattern={"0.self_attn.q_proj": 6, "q_proj": 2, ".*v_proj": 3}),
    "rslora_patterns": dict(use_rslora=True, rank_pattern={"q_proj": 3}, alpha_pattern={".*1.*": 2}),
    "saved": dict(use_rslora=True, rank_pattern={"q_proj": 3}, modules_to_save=["norm"]),
    "bias": dict(use_rslora=True, rank_pattern={"q_proj": 3}, lora_bias=True),
}


def shape_of(base):
    c = json.load(open(f"{base}/config.json"))
    heads = c["num_attention_heads"]
    return dict(
        n_layer=c["num_hidden_layers"], n_head=heads, n_query_groups=c.get("num_key_value_heads", heads), n_embd=c["hidden_size"],
        intermediate_size=c["intermediate_size"], vocab_size=c["vocab_size"], padded_vocab_size=c["vocab_size"],
        block_size=c["max_position_embeddings"], head_size=c.get("head_dim") or c["hidden_size"] // heads, rotary_percentage=1.0,
        rope_base=int(c.get("rope_theta") or c.get("rope_parameters", {}).get("rope_theta") or 10000), parallel_residual=False, bias=False,
        norm_class_name="RMSNorm", norm_eps=c["rms_norm_eps"], mlp_class_name="LLaMAMLP")


def lit_weights(base, shape):
    """The base's weights under LitGPT's names."""
    hf = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).state_dict()
    w = {"transformer.wte.weight": hf["model.embed_tokens.weight"], "lm_head.weight": hf["lm_head.weight"], "transformer.ln_f.weight": hf["model.norm.weight"]}
    names = {"attn.proj": "self_attn.o_proj", "mlp.fc_1": "mlp.gate_proj", "mlp.fc_2": "mlp.up_proj", "mlp.proj": "mlp.down_proj",
             "norm_1": "input_layernorm", "norm_2": "post_attention_layernorm"}
    for i in range(sum(n.endswith("q_proj.weight") for n in hf)):
        to, of = f"transformer.h.{i}", f"model.layers.{i}"
        for ours, theirs in names.items():
            w[f"{to}.{ours}.weight"] = hf[f"{of}.{theirs}.weight"]
        q, k, v = (hf[f"{of}.self_attn.{p}_proj.weight"] for p in "qkv")
        if JOINT == "qkv":
            w[f"{to}.attn.qkv.weight"] = torch.cat([q, k, v])
        else:
            groups, head, width = shape["n_query_groups"], shape["head_size"], shape["n_embd"]
            parts = [x.reshape(groups, -1, head, width) for x in (q, k, v)]
            w[f"{to}.attn.attn.weight"] = torch.cat(parts, dim=1).reshape(-1, width)
    return w


def lit_model(base, kind, settings):
    m = kind.GPT(kind.Config(**shape_of(base), **settings)).eval()
    missing, unexpected = m.load_state_dict(lit_weights(base, shape_of(base)), strict=False)
    trained = kind.adapter_filter if kind is lit_adapter else kind.lora_filter
    assert not unexpected and all(trained(n, None) for n in missing), (unexpected, missing)
    return m, trained


def put(m, tensors):
    tensors = {n.replace(".attn.qkv.", f".attn.{JOINT}."): p for n, p in tensors.items()}
    unexpected = m.load_state_dict(tensors, strict=False).unexpected_keys
    assert not unexpected, unexpected


def lit_logits(m):
    out = []
    with torch.no_grad():
        for p in PROMPTS:
            for block in m.transformer.h:
                block.attn.adapter_kv_cache = None
            out.append(m(torch.tensor([p]))[0, -1])
    return out


def peft_logits(m):
    with torch.no_grad():
        return [m(input_ids=torch.tensor([p])).logits[0, -1] for p in PROMPTS]


def gap(a, b):
    return max(float((torch.as_tensor(x) - torch.as_tensor(y)).abs().max()) for x, y in zip(a, b))


def main(bases):
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}, litgpt with attn.{JOINT}")
    bad = 0
    for base in map(os.path.abspath, bases):
        shape = shape_of(base)
        print(f"\nbase: layers {shape['n_layer']}, heads {shape['n_head']}/{shape['n_query_groups']}, hidden {shape['n_embd']}")
        with tempfile.TemporaryDirectory() as top:
            entries, theirs, again = [], [], []

            def add(name, adapter, form, want, reload, **more):
                entries.append(dict(base=base, adapter=adapter, prompts=PROMPTS, form=form, to=f"{top}/{name}.out", **more))
                theirs.append((name, want))
                again.append(reload)

            kinds = [("adapter", lit_adapter, dict(adapter_prompt_length=7, adapter_start_layer=1))]
            kinds += [(f"lora_{n}", lit_lora, dict(lora_r=3, lora_alpha=5, lora_dropout=0.0, **s)) for n, s in LORA.items()]
            for name, kind, settings in kinds:
                torch.manual_seed(0)
                m, trained = lit_model(base, kind, settings)
                for n, p in m.named_parameters():
                    if trained(n, None):
                        p.data = (1.5 if "gating" in n else 0.1 if "lora" in n else 1) * torch.randn(p.shape)
                out, suffix = f"{top}/lit_{name}", "adapter" if kind is lit_adapter else "lora"
                os.makedirs(out)
                torch.save({"model": {n: p for n, p in m.state_dict().items() if trained(n, None)}}, f"{out}/lit_model.pth.{suffix}")
                if kind is lit_lora:
                    flags = {f"lora_{k}": settings.get(f"lora_{k}", False) for k in ("query", "key", "value", "projection", "mlp", "head")}
                    text = {"checkpoint_dir": base, "lora_r": 3, "lora_alpha": 5, "lora_dropout": 0.0, **flags}
                    open(f"{out}/hyperparameters.yaml", "w").write("".join(f"{k}: {json.dumps(v)}\n" for k, v in text.items()))

                def reload(to, kind=kind, settings=settings, suffix=suffix):
                    m, _ = lit_model(base, kind, settings)
                    put(m, torch.load(f"{to}/lit_model.pth.{suffix}", weights_only=True))
                    return lit_logits(m)

                if JOINT == "attn" and name == "lora_all":
                    reload = None  # rows of the joint weight have another's A: only attn.qkv has a place for what fettle writes
                add(f"litgpt {name}", out, "litgpt", lit_logits(m), reload)
            for name, config in FOLDED.items():
                torch.manual_seed(0)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    m = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
                                       LoraConfig(**{**dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"), **config})).eval()
                for p in m.parameters():
                    if p.requires_grad:
                        p.data += 0.2 * torch.randn(p.shape)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    m.save_pretrained(f"{top}/peft_{name}")

                def reload(to):
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        keys = json.load(open(f"{to}/adapter_config.json"))
                        assert not keys["use_rslora"] and not keys["rank_pattern"] and not keys["alpha_pattern"], keys
                        return peft_logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), to).eval())

                add(f"peft {name}", f"{top}/peft_{name}", "peft", peft_logits(m), reload, portable=True)
            json.dump(entries, open(f"{top}/entries.json", "w"))
            subprocess.run(["go", "test", "./adapter", "-count=1", "-run", "TestLogitsForPeers"], check=True, stdout=subprocess.DEVNULL,
                           env={**os.environ, "FETTLE_PEERS": f"{top}/entries.json"})
            for e, (name, want), reload in zip(json.load(open(f"{top}/entries.json")), theirs, again):
                read, written = gap(want, e["logits"]), gap(want, reload(e["to"])) if reload else 0.0
                other = name == "litgpt adapter" and JOINT == "qkv"
                ok = (read < WITHIN) != other and written < WITHIN
                bad += not ok
                note = "   (other rows: see above)" if other and ok else "" if ok else "   WRONG"
                print(f"  {name:24} read: differs by {read:.1e}, written and read there: {written:.1e}{note}")
    print("\nall as they should be" if not bad else f"\n{bad} WRONG")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
