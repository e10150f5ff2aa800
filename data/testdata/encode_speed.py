"""Encodes the texts of BenchmarkEncode and BenchmarkLongWords with the SentencePiece library (0.1.97, C++).

python3 encode_speed.py TOKENIZER.model SET.json...
"""
import json
import sys
import time

import sentencepiece


def texts(path):
    for row in json.load(open(path)):
        if row.get("conversations"):
            yield "".join(turn["value"] + "\n" for turn in row["conversations"])
        else:
            yield row["instruction"] + "\n" + row["input"] + "\n" + row["output"]


def best(work, times=5):
    """The shortest of some runs, in seconds by the clock and of the processors."""
    took, worked = [], []
    for _ in range(times):
        begin, busy = time.perf_counter(), time.process_time()
        work()
        took.append(time.perf_counter() - begin)
        worked.append(time.process_time() - busy)
    return min(took), min(worked)


tokenizer = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
for path in sys.argv[2:]:
    all_texts = list(texts(path))
    size = sum(len(t.encode()) for t in all_texts)
    for threads in (1, 2):
        seconds, busy = best(lambda: tokenizer.encode(all_texts, num_threads=threads))
        print(f"{path.split('/')[-1]}/threads={threads}: {size / seconds / 1e6:.2f} MB/s, {len(all_texts) / seconds:.0f} rows/s, {size / busy / 1e6:.2f} MB/cpu-s")
for unit in (" ", "a", "ab", "é", "中", "\n"):
    text = unit * (65536 // len(unit.encode()))
    print(f"{unit!r}: {best(lambda: tokenizer.encode(text), 2)[1] * 1e3:.1f} cpu-ms")
