"""Writes internal/checkpoint/gguf/testdata/mixes.json: the type that llama.cpp v0.5.0 gives each tensor of made-up models.

    npm pack @node-llama-cpp/linux-x64@3.22.1 && tar xzf node-llama-cpp-linux-x64-3.22.1.tgz
    pip install gguf==0.19.0 numpy
    python -P docs/peers/gguf_mixes.py package/bins/linux-x64 > internal/checkpoint/gguf/testdata/mixes.json

Every matrix has two rows: the mixes look at names, and at the length of a row, which is D or, for ffn_down, F. The types
of the layers stand in one text, by runs, as "Q6_K*2 Q4_K Q6_K", with the names of the matrices that have them.
"""
import ctypes
import itertools
import json
import os
import sys
import tempfile

import gguf
import numpy as np

FILE_TYPES = dict(F32=0, F16=1, BF16=32, Q8_0=7, Q4_0=2, Q4_1=3, Q5_0=8, Q5_1=9, Q2_K=10, Q3_K_S=11, Q3_K_M=12, Q3_K_L=13,
                  Q4_K_S=14, Q4_K_M=15, Q5_K_S=16, Q5_K_M=17, Q6_K=18, IQ4_NL=25, IQ4_XS=30)
# architecture, layers, heads, key-value heads, D, F, tied, fused (attn_qkv)
MODELS = [
    ("llama", 1, 8, 8, 256, 256, True, False),
    ("llama", 7, 8, 4, 256, 512, False, False),
    ("llama", 16, 8, 2, 512, 256, True, False),
    ("llama", 22, 32, 4, 256, 256, False, False),
    ("llama", 30, 9, 3, 576, 1536, True, False),
    ("llama", 32, 32, 32, 256, 768, False, False),
    ("llama", 33, 8, 8, 288, 768, False, False),
    ("llama", 5, 2, 1, 48, 80, True, False),
    ("llama", 5, 2, 2, 48, 80, False, False),
    ("llama", 80, 64, 8, 256, 256, False, False),
    ("llama", 80, 64, 64, 256, 256, False, False),
    ("qwen2", 80, 64, 8, 256, 256, False, False),
    ("qwen2", 80, 8, 8, 256, 256, True, False),
    ("qwen2", 24, 14, 2, 896, 4864, True, False),
    ("qwen3", 28, 16, 8, 256, 256, True, False),
    ("gemma2", 26, 8, 4, 256, 256, True, False),
    ("gemma3", 34, 8, 4, 320, 256, True, False),
    ("phi3", 32, 32, 32, 256, 256, False, True),
]


class Params(ctypes.Structure):
    _fields_ = ([("nthread", ctypes.c_int32), ("ftype", ctypes.c_int)] + [(f"type{i}", ctypes.c_int) for i in range(2)] +
                [(f"flag{i}", ctypes.c_bool) for i in range(6)] + [(f"pointer{i}", ctypes.c_void_p) for i in range(4)] +
                [("buffer", ctypes.c_size_t)])


def write(path, arch, layers, heads, kv, d, f, tied, fused):
    w = gguf.GGUFWriter(path, arch)
    w.add_block_count(layers)
    w.add_context_length(64)
    w.add_embedding_length(d)
    w.add_feed_forward_length(f)
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(32)
    if arch in ("gemma2", "gemma3", "phi3"):
        w.add_sliding_window(32)

    def add(name, columns, rows=2):
        shape = (rows, columns) if rows else (columns,)
        w.add_tensor(name + ".weight", np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape))

    add("token_embd", d)
    add("output_norm", d, 0)
    if not tied:
        add("output", d)
    for i in range(layers):
        for name in ["attn_qkv"] if fused else ["attn_q", "attn_k", "attn_v"]:
            add(f"blk.{i}.{name}", d)
        for name in ["attn_output", "ffn_up"] + ["ffn_gate"] * (not fused):
            add(f"blk.{i}.{name}", d)
        add(f"blk.{i}.ffn_down", f)
        add(f"blk.{i}.attn_norm", d, 0)
        add(f"blk.{i}.one", d, 1)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


os.environ["LD_LIBRARY_PATH"] = sys.argv[1]
llama = ctypes.CDLL(os.path.join(sys.argv[1], "libllama.v0.5.0.so"))
llama.llama_model_quantize_default_params.restype = Params
llama.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Params)]
silent = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
llama.llama_log_set(silent, None)
out = []
with tempfile.TemporaryDirectory() as tmp:
    for model in MODELS:
        source, target = os.path.join(tmp, "f32.gguf"), os.path.join(tmp, "out.gguf")
        write(source, *model)
        mixes = {}
        for name, number in FILE_TYPES.items():
            p = llama.llama_model_quantize_default_params()
            p.nthread, p.ftype = 1, number
            if llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(p)):
                raise SystemExit(f"{model} {name}: not quantised")
            kinds = {}
            for t in gguf.GGUFReader(target).tensors:
                layer, _, kind = t.name.removeprefix("blk.").partition(".") if t.name.startswith("blk.") else (0, 0, t.name)
                kinds.setdefault(kind.removesuffix(".weight"), {})[int(layer)] = t.tensor_type.name
            mixes[name] = {}
            for kind, types in sorted(kinds.items()):
                runs = [(k, len(list(g))) for k, g in itertools.groupby(types[i] for i in range(len(types)))]
                text = " ".join(k if n == 1 else f"{k}*{n}" for k, n in runs)
                mixes[name][text] = mixes[name].get(text, "") + " " * (text in mixes[name]) + kind
        keys = ["architecture", "layers", "heads", "kv", "d", "f", "tied", "fused"]
        out.append({**dict(zip(keys, model)), "mixes": mixes})
print("[\n" + ",\n".join(json.dumps(m) for m in out) + "\n]")
