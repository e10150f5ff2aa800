#!/usr/bin/env python3
"""Writes a GGUF file of a LLaMA shape with random weights, for measuring llama.cpp: gguf.py SHAPE bf16|q8_0|f32 FILE.

The vocabulary is made of placeholders: only token numbers are fed."""
import struct, sys
import numpy as np

SHAPES = {  # hidden, layers, heads, key-value heads, ffn, vocabulary
    "tiny": (288, 6, 6, 6, 768, 32000), "1b": (2048, 22, 32, 4, 5632, 32000), "7b": (4096, 32, 32, 32, 11008, 32000)}
TYPES = {"f32": 0, "q8_0": 8, "bf16": 30}
U32, F32, STRING, ARRAY, I32 = 4, 6, 8, 9, 5


def text(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def field(key, kind, value):
    return text(key) + struct.pack("<I", kind) + value


def array(kind, items):
    return struct.pack("<IQ", kind, len(items)) + b"".join(items)


def encode(w, kind):
    if kind == "f32":
        return w.tobytes()
    if kind == "bf16":
        bits = w.view(np.uint32)
        return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16).tobytes()
    blocks = w.reshape(-1, 32)
    scale = np.abs(blocks).max(1) / 127
    out = np.empty(len(blocks), dtype=[("d", "<f2"), ("q", "i1", 32)])
    out["d"] = scale
    out["q"] = np.rint(blocks / np.maximum(scale, 1e-30)[:, None])
    return out.tobytes()


def size(n, kind):
    return {"f32": 4 * n, "bf16": 2 * n, "q8_0": n // 32 * 34}[kind]


def main():
    shape, kind, path = sys.argv[1:]
    d, layers, heads, kv, ffn, vocab = SHAPES[shape]
    dkv = d // heads * kv
    tensors = [("token_embd.weight", vocab, d)]
    for i in range(layers):
        b = f"blk.{i}."
        tensors += [(b + "attn_norm.weight", 0, d), (b + "attn_q.weight", d, d), (b + "attn_k.weight", dkv, d), (b + "attn_v.weight", dkv, d),
                    (b + "attn_output.weight", d, d), (b + "ffn_norm.weight", 0, d), (b + "ffn_gate.weight", ffn, d), (b + "ffn_up.weight", ffn, d),
                    (b + "ffn_down.weight", d, ffn)]
    tensors += [("output_norm.weight", 0, d), ("output.weight", vocab, d)]

    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    tokens += [f"▁w{i}" for i in range(vocab - len(tokens))]
    types = [2, 3, 3] + [6] * 256 + [1] * (vocab - 259)
    a = "llama."
    meta = [field("general.architecture", STRING, text("llama")), field("general.name", STRING, text(shape)),
            field(a + "context_length", U32, struct.pack("<I", 2048)), field(a + "embedding_length", U32, struct.pack("<I", d)),
            field(a + "block_count", U32, struct.pack("<I", layers)), field(a + "feed_forward_length", U32, struct.pack("<I", ffn)),
            field(a + "attention.head_count", U32, struct.pack("<I", heads)), field(a + "attention.head_count_kv", U32, struct.pack("<I", kv)),
            field(a + "attention.layer_norm_rms_epsilon", F32, struct.pack("<f", 1e-5)), field(a + "rope.dimension_count", U32, struct.pack("<I", d // heads)),
            field(a + "vocab_size", U32, struct.pack("<I", vocab)),
            field("tokenizer.ggml.model", STRING, text("llama")),
            field("tokenizer.ggml.tokens", ARRAY, array(STRING, [text(t) for t in tokens])),
            field("tokenizer.ggml.scores", ARRAY, array(F32, [struct.pack("<f", -i) for i in range(vocab)])),
            field("tokenizer.ggml.token_type", ARRAY, array(I32, [struct.pack("<i", t) for t in types])),
            field("tokenizer.ggml.bos_token_id", U32, struct.pack("<I", 1)), field("tokenizer.ggml.eos_token_id", U32, struct.pack("<I", 2))]
    head, at = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(meta)) + b"".join(meta), 0
    for name, n, k in tensors:
        dims = (k, n) if n else (k,)
        t = kind if n else "f32"
        head += text(name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", x) for x in dims) + struct.pack("<IQ", TYPES[t], at)
        at += -(-size(max(n, 1) * k, t) // 32) * 32
    rng = np.random.default_rng(0)
    with open(path, "wb") as f:
        f.write(head + b"\0" * (-len(head) % 32))
        for name, n, k in tensors:
            if n:
                w = rng.standard_normal((n, k), dtype=np.float32) * np.float32(k**-0.5)
                data = encode(w, kind)
            else:
                data = encode(np.ones(k, np.float32), "f32")
            f.write(data + b"\0" * (-len(data) % 32))


main()
