"""Writes internal/block/testdata/blocks.json: quantised blocks of made-up bytes and their values by the gguf package.

    pip install gguf==0.19.0 numpy && python -P docs/peers/gguf_blocks.py > internal/block/testdata/blocks.json

Every type gets three blocks. Byte i of block b is (97·i + 59·b + 31·(i·i mod 7)) mod 256, except for the halves, which are
0.0625, -0.1875 and 1.5 (scales) and 0.5, 0.125 and -2 (minima).
"""
import json

import numpy as np
from gguf import GGMLQuantizationType as T, quants

# type: (bytes of a block, places of scales, places of minima)
LAYOUTS = {
    "Q4_0": (18, [0], []), "Q4_1": (20, [0], [2]), "Q5_0": (22, [0], []), "Q5_1": (24, [0], [2]),
    "Q8_0": (34, [0], []), "Q2_K": (84, [80], [82]), "Q3_K": (110, [108], []), "Q4_K": (144, [0], [2]),
    "Q5_K": (176, [0], [2]), "Q6_K": (210, [208], []), "IQ4_NL": (18, [0], []), "IQ4_XS": (136, [0], []),
}

out = {}
for name, (size, scales, minima) in LAYOUTS.items():
    blocks = np.zeros((3, size), np.uint8)
    for b in range(3):
        blocks[b] = [(97 * i + 59 * b + 31 * (i * i % 7)) % 256 for i in range(size)]
        for at in scales:
            blocks[b, at:at + 2] = np.frombuffer(np.float16([0.0625, -0.1875, 1.5][b]).tobytes(), np.uint8)
        for at in minima:
            blocks[b, at:at + 2] = np.frombuffer(np.float16([0.5, 0.125, -2][b]).tobytes(), np.uint8)
    values = quants.dequantize(blocks, T[name]).astype(np.float32).reshape(-1)
    out[name] = {"blocks": blocks.tobytes().hex(), "values": [float(v) for v in values]}
print("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in out.items()) + "\n}")
