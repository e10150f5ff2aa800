"""Writes internal/block/testdata/encoded.json: SHA-256 of what llama.cpp v0.5.0 quantises made-up numbers to.

    npm pack @node-llama-cpp/linux-x64@3.22.1 && tar xzf node-llama-cpp-linux-x64-3.22.1.tgz
    python -P docs/peers/gguf_encode.py package/bins/linux-x64/libggml-base.so > internal/block/testdata/encoded.json

Each case has 4096 numbers. u(i) is the upper 24 bits of splitmix64's output i from state 0, as a number in [-1, 1).
"""
import ctypes
import hashlib
import json
import sys

import numpy as np

N = 4096
# type: (its number, elements of a block, bytes of a block)
TYPES = {
    "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34),
    "Q2_K": (10, 256, 84), "Q3_K": (11, 256, 110), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176),
    "Q6_K": (14, 256, 210), "IQ4_NL": (20, 32, 18), "IQ4_XS": (23, 256, 136),
}


def words(n):
    z = (np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


w, i = words(N), np.arange(N)
u = ((w >> np.uint64(40)).astype(np.float32) - np.float32(2**23)) / np.float32(2**23)
cases = {
    "uniform": u,
    "cubes": u * u * u,
    "positive": np.abs(u),
    "negative": -np.abs(u),
    "far from zero": u + np.float32(4),
    "far below zero": u - np.float32(4),
    "steps": np.floor(u * 8) / 8,
    "sparse": np.where(w % 8 == 0, u, np.float32(0)),
    "large": u * np.float32(2**14),
    "scales": np.ldexp(u, -(i // 32 % 64)),
    "scales of halves": np.ldexp(u, -(i // 16 % 30)),
    "small": np.ldexp(u, -20),
    "below halves": np.ldexp(u, -30),
    "below 1e-15": np.ldexp(u, -52),
    "subnormal": np.ldexp(u, -130),
    "zeros": 0 * u,
    "one number": np.full(N, 3.25),
    "one number below zero": np.full(N, -0.375),
}

quantize = ctypes.CDLL(sys.argv[1]).ggml_quantize_chunk
quantize.restype = ctypes.c_size_t
quantize.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + 3 * [ctypes.c_int64] + [ctypes.c_void_p]
out = {}
for name, (number, elements, size) in TYPES.items():
    out[name] = {}
    for case, x in cases.items():
        x = np.ascontiguousarray(x, dtype=np.float32)
        blocks = np.zeros(N // elements * size, np.uint8)
        assert quantize(number, x.ctypes.data, blocks.ctypes.data, 0, N // 256, 256, None) == blocks.size
        out[name][case] = hashlib.sha256(blocks.tobytes()).hexdigest()
print(json.dumps(out, indent=1))
