#!/usr/bin/env python3
"""Writes model/testdata/families.json: small random models of every architecture, as transformers computes them.

    pip install torch transformers numpy
    python3 -P docs/peers/families.py > model/testdata/families.json

Made with transformers 5.24.0 and torch 2.15.0, float32, eager attention. A model's weights are not in the file: element
i of a tensor is a function of its name and of i (see weights). Every run has

    config     the text of config.json
    tensors    names and shapes
    ids        one sequence
    logits     of some positions, by transformers
    exact      the same, by the float64 program below, which shares no code with it
    loss       the mean of -log p of every token but the first
    gradients  of the loss: of every tensor its norm, and its inner product with another function of name and i

The program fails where the two differ by more than float32's noise, in logits or gradients.
"""
import json
import math
import sys

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

V, LENGTH, ROWS = 53, 29, [0, 11, 28]
COMMON = dict(hidden_size=72, intermediate_size=100, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
              vocab_size=V, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False, pad_token_id=None,
              bos_token_id=None, eos_token_id=None)
GEMMA = dict(hidden_activation="gelu_pytorch_tanh", query_pre_attn_scalar=24, head_dim=16, tie_word_embeddings=True)


def rope(**kwargs):
    return {"rope_scaling": kwargs}


FACTORS = dict(short_factor=[1 + 0.1 * i for i in range(4)], long_factor=[2 + 0.5 * i for i in range(4)])

# name, model_type, keys beside COMMON
RUNS = [
    ("llama", "llama", dict(head_dim=10)),
    ("llama with biases", "llama", dict(attention_bias=True, mlp_bias=True)),
    ("llama, linear", "llama", rope(rope_type="linear", factor=3.0)),
    ("llama, dynamic, within", "llama", rope(rope_type="dynamic", factor=2.0)),
    ("llama, dynamic, beyond", "llama", dict(max_position_embeddings=16, **rope(rope_type="dynamic", factor=2.5))),
    ("llama, yarn", "llama", rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)),
    ("llama, yarn, all settings", "llama", rope(rope_type="yarn", factor=6.0, original_max_position_embeddings=20, beta_fast=9.0,
                                                beta_slow=2.0, mscale=0.7, mscale_all_dim=1.3, truncate=False)),
    ("mistral", "mistral", dict(sliding_window=7)),
    ("mistral without a window", "mistral", dict(sliding_window=None, head_dim=20)),
    ("qwen2", "qwen2", dict(use_sliding_window=False, sliding_window=4)),
    ("qwen2 with a window", "qwen2", dict(use_sliding_window=True, sliding_window=5, max_window_layers=1, tie_word_embeddings=True)),
    ("qwen2, yarn", "qwen2", rope(type="yarn", factor=4.0, original_max_position_embeddings=16)),
    ("qwen3", "qwen3", dict(head_dim=20, tie_word_embeddings=True)),
    ("qwen3 with biases, windows, yarn", "qwen3", dict(
        head_dim=8, attention_bias=True, use_sliding_window=True, sliding_window=6,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        **rope(rope_type="yarn", factor=2.0, original_max_position_embeddings=32))),
    ("smollm3", "smollm3", dict(no_rope_layer_interval=2, tie_word_embeddings=True)),
    ("smollm3, layers listed, windows", "smollm3", dict(no_rope_layers=[0, 1, 0], use_sliding_window=True, sliding_window=5,
                                                        attention_bias=True)),
    ("phi3", "phi3", dict(sliding_window=None)),
    ("phi3 with a window", "phi3", dict(sliding_window=9, num_key_value_heads=3)),
    ("phi3, longrope, a part of each head", "phi3", dict(
        original_max_position_embeddings=32, partial_rotary_factor=0.67, **rope(type="longrope", **FACTORS))),
    ("gemma", "gemma", dict(hidden_act="gelu_pytorch_tanh", head_dim=16, tie_word_embeddings=True)),
    ("gemma2", "gemma2", dict(sliding_window=6, attn_logit_softcapping=2.0, final_logit_softcapping=3.0, **GEMMA)),
    ("gemma2 without caps", "gemma2", dict(sliding_window=6, attn_logit_softcapping=None, final_logit_softcapping=None,
                                           attention_bias=True, **{**GEMMA, "tie_word_embeddings": False})),
    ("gemma3", "gemma3_text", dict(sliding_window=6, sliding_window_pattern=3, rope_local_base_freq=500.0, rope_theta=20000.0,
                                   **GEMMA)),
    ("gemma3, linear", "gemma3_text", dict(
        sliding_window=4, layer_types=["full_attention", "sliding_attention", "full_attention"], final_logit_softcapping=2.5,
        attn_logit_softcapping=1.0, **GEMMA, **rope(rope_type="linear", factor=8.0))),
]


def mix(name, n, salt):
    """n numbers, uniform in [-1, 1): SplitMix64 from FNV-1a of the name."""
    h = 14695981039346656037
    for b in (name + salt).encode():
        h = (h ^ b) * 1099511628211 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(h) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def weights(name, shape, center):
    """Matrices are uniform with a spread of 2/sqrt(columns), norms center ± 0.5, biases ± 0.5."""
    u = mix(name, math.prod(shape), "")
    if len(shape) == 2:
        u *= 2 / math.sqrt(shape[1])
    else:
        u = u * 0.5 + (center if name.endswith("norm.weight") else 0)
    return torch.from_numpy(u.astype(np.float32)).reshape(shape)


def norm(x, w, c):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + c.rms_norm_eps) * (w + c.offset)


def table(c, layer, n):
    """Cosines and sines (n, R/2) of a layer, None where it has no RoPE."""
    r, scaling, theta, factor = c.rotary, dict(c.scaling or {}), c.theta, 1.0
    if c.local and c.windows[layer]:
        theta, scaling = c.local, {}
    if c.rotated and not c.rotated[layer]:
        return None
    kind, j = scaling.get("rope_type", scaling.get("type")), np.arange(r // 2, dtype=np.float64)
    if kind == "dynamic" and n > c.max_positions:
        theta *= (scaling["factor"] * n / c.max_positions - scaling["factor"] + 1) ** (r / (r - 2))
    f = theta ** (-2 * j / r)
    if kind == "linear":
        f = f / scaling["factor"]
    if kind == "yarn":
        s, original = scaling["factor"], scaling["original_max_position_embeddings"]
        at = [r * math.log(original / (t * 2 * math.pi)) / (2 * math.log(theta))
              for t in (scaling.get("beta_fast", 32), scaling.get("beta_slow", 1))]
        if scaling.get("truncate", True):
            at = [math.floor(at[0]), math.ceil(at[1])]
        lo, hi = max(at[0], 0), min(at[1], r - 1)
        ramp = np.clip((j - lo) / (hi - lo if hi > lo else 0.001), 0, 1)
        f, factor = f / s * ramp + f * (1 - ramp), 0.1 * math.log(s) + 1
        if "mscale" in scaling:
            factor = (0.1 * scaling["mscale"] * math.log(s) + 1) / (0.1 * scaling["mscale_all_dim"] * math.log(s) + 1)
    if kind == "longrope":
        f = f / np.array(scaling["short_factor"])
        factor = math.sqrt(1 + math.log(c.max_positions / c.original) / math.log(c.original))
    angle = torch.from_numpy(np.arange(n)[:, None] * f)
    return factor * angle.cos(), factor * angle.sin()


def rotate(x, cos, sin):
    h = cos.shape[-1]
    a, b = x[..., :h], x[..., h:2 * h]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, x[..., 2 * h:]], -1)


class Facts:
    """What the architectures differ in, from their papers and model cards."""

    def __init__(self, kind, k):
        self.kind, self.rms_norm_eps = kind, k["rms_norm_eps"]
        self.gemma = kind.startswith("gemma")
        self.offset = 1.0 if self.gemma else 0.0
        self.heads, self.groups, self.layers = k["num_attention_heads"], k["num_key_value_heads"], k["num_hidden_layers"]
        self.dh = k.get("head_dim") or k["hidden_size"] // self.heads
        self.rotary = int(self.dh * k.get("partial_rotary_factor", 1))
        self.theta = k.get("rope_theta", {"gemma3_text": 1e6, "smollm3": 2e6}.get(kind, 1e4))
        self.local = k.get("rope_local_base_freq", 1e4) if kind == "gemma3_text" else None
        self.scaling, self.max_positions = k.get("rope_scaling"), k["max_position_embeddings"]
        self.original = k.get("original_max_position_embeddings")
        layers, window = range(self.layers), k.get("sliding_window")
        self.rotated = k.get("no_rope_layers", [(l + 1) % k.get("no_rope_layer_interval", 4) for l in layers]) if kind == "smollm3" else None
        slides = {"mistral": lambda l: True, "phi3": lambda l: True, "gemma2": lambda l: l % 2 == 0,
                  "gemma3_text": lambda l: (l + 1) % k.get("sliding_window_pattern", 6) != 0,
                  "smollm3": lambda l: not self.rotated[l]}.get(kind, lambda l: l >= k.get("max_window_layers", 28))
        if "layer_types" in k:
            slides = lambda l: k["layer_types"][l] == "sliding_attention"
        off = kind in ("llama", "gemma") or kind in ("qwen2", "qwen3", "smollm3") and not k.get("use_sliding_window")
        self.windows = [window if window and not off and slides(l) else 0 for l in layers]
        self.width = k.get("query_pre_attn_scalar", self.dh)
        self.score_cap = k.get("attn_logit_softcapping") if kind == "gemma2" else None
        self.logit_cap = k.get("final_logit_softcapping") if self.gemma else None


def plain(c, w, ids):
    """The logits (n, V) in float64."""
    get = lambda name: w.get(name)
    x, n = w["model.embed_tokens.weight"][ids], len(ids)
    if c.gemma:
        x = x * float(np.float32(math.sqrt(x.shape[1])))
    i, j = torch.arange(n)[:, None], torch.arange(n)[None, :]
    for l in range(c.layers):
        at = f"model.layers.{l}."

        def linear(x, name):
            y = x @ w[at + name + ".weight"].T
            return y if get(at + name + ".bias") is None else y + w[at + name + ".bias"]

        h = norm(x, w[at + "input_layernorm.weight"], c)
        if c.kind == "phi3":
            q, k, v = linear(h, "self_attn.qkv_proj").split([c.heads * c.dh, c.groups * c.dh, c.groups * c.dh], 1)
        else:
            q, k, v = (linear(h, f"self_attn.{p}_proj") for p in "qkv")
        q, k, v = (t.reshape(n, -1, c.dh).transpose(0, 1) for t in (q, k, v))
        if c.kind in ("qwen3", "gemma3_text"):
            q, k = norm(q, w[at + "self_attn.q_norm.weight"], c), norm(k, w[at + "self_attn.k_norm.weight"], c)
        angles = table(c, l, n)
        if angles is not None:
            q, k = rotate(q, *angles), rotate(k, *angles)
        k, v = (t.repeat_interleave(c.heads // c.groups, 0) for t in (k, v))
        s = q @ k.transpose(1, 2) / math.sqrt(c.width)
        if c.score_cap:
            s = c.score_cap * torch.tanh(s / c.score_cap)
        hidden = j > i
        if c.windows[l]:
            hidden = hidden | (j <= i - c.windows[l])
        s = s.masked_fill(hidden, -math.inf)
        o = linear((s.softmax(-1) @ v).transpose(0, 1).reshape(n, -1), "self_attn.o_proj")
        four = c.kind in ("gemma2", "gemma3_text")
        x = x + (norm(o, w[at + "post_attention_layernorm.weight"], c) if four else o)
        h = norm(x, w[at + ("pre_feedforward" if four else "post_attention") + "_layernorm.weight"], c)
        if c.kind == "phi3":
            gate, up = linear(h, "mlp.gate_up_proj").chunk(2, 1)
        else:
            gate, up = linear(h, "mlp.gate_proj"), linear(h, "mlp.up_proj")
        if c.gemma:
            act = gate / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)))
        else:
            act = gate / (1 + torch.exp(-gate))
        o = linear(act * up, "mlp.down_proj")
        x = x + (norm(o, w[at + "post_feedforward_layernorm.weight"], c) if four else o)
    head = w["lm_head.weight"] if "lm_head.weight" in w else w["model.embed_tokens.weight"]
    z = norm(x, w["model.norm.weight"], c) @ head.T
    return c.logit_cap * torch.tanh(z / c.logit_cap) if c.logit_cap else z


def mean_loss(z, ids):
    return torch.nn.functional.cross_entropy(z[:-1], ids[1:])


def numbers(x, digits=9):
    return [float(f"{v:.{digits}g}") for v in x]


def run(name, kind, keys):
    keys = {"model_type": kind, **COMMON, **keys}
    config = AutoConfig.for_model(**json.loads(json.dumps(keys)))
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
    c, params = Facts(kind, keys), dict(model.named_parameters())
    with torch.no_grad():
        for key, p in params.items():
            p.copy_(weights(key, tuple(p.shape), 1 - c.offset))
    ids = torch.tensor([(i * i * 7 + 3 * i + 5) % V for i in range(LENGTH)])
    z = model(ids[None]).logits[0]
    loss = mean_loss(z, ids)
    loss.backward()

    double = {key: p.detach().double().requires_grad_() for key, p in params.items()}
    exact = plain(c, double, ids)
    mean_loss(exact, ids).backward()
    least = 1e-3 * max(t.grad.norm().item() for t in double.values())  # some gradients are zero: keys shifted where no RoPE is
    off = (z - exact).abs().max().item()
    worst = 0.0
    gradients = {}
    for key, p in params.items():
        g = p.grad.double().flatten()
        worst = max(worst, ((g - double[key].grad.flatten()).norm() / max(double[key].grad.norm(), least)).item())
        e = double[key].grad.flatten()
        gradients[key] = numbers([e.norm().item(), e @ torch.from_numpy(mix(key, e.numel(), "#"))])
    print(f"{name}: logits {off:.1e}, gradients {worst:.1e}", file=sys.stderr)
    assert off < 2e-4 and worst < 2e-4, name
    written = {k: v for k, v in keys.items() if v is not None or k in ("sliding_window", "attn_logit_softcapping", "final_logit_softcapping")}
    return {"name": name, "config": json.dumps(written), "center": 1 - c.offset,
            "tensors": {key: list(p.shape) for key, p in params.items()}, "ids": ids.tolist(), "rows": ROWS,
            "logits": [numbers(z[r].tolist()) for r in ROWS], "exact": [numbers(exact[r].tolist()) for r in ROWS],
            "loss": float(f"{loss.item():.9g}"), "gradients": gradients}


if __name__ == "__main__":
    torch.manual_seed(0)
    print("[")
    print(",\n".join(json.dumps(run(*r), separators=(",", ":")) for r in RUNS))
    print("]")
