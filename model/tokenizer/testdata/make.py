#!/usr/bin/env python3
"""Writes small tokenizer.json files of the kinds that LLaMAs come with, trained
on a few lines, and texts.jsonl. reference.mjs then makes the golden files:

    python3 make.py
    for t in llama3 gpt2 llama2 metaspace; do
        node reference.mjs $t.json <texts.jsonl >$t.golden.jsonl
    done
"""
import collections
import json
import re

LINES = """The lamb that wandered over the hill came home in the evening.
There is nothing better than the smell of bread in the morning, isn't it?
In 1984 there were 12345 sheep on the hills; 678 of them went home.
    if there is nothing in the list:
        return nothing  # the end
Über den Hügeln wandern die Lämmer, été comme hiver. 中文 中文 здесь здесь
"""

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def alphabet():
    """GPT-2's characters for bytes."""
    chars, n = {}, 256
    for b in range(256):
        if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174:
            chars[b] = chr(b)
        else:
            chars[b], n = chr(n), n + 1
    return chars


def train(words, n):
    """The n most frequent merges of words, given as tuples of symbols."""
    counts, merges = collections.Counter(words), []
    for _ in range(n):
        pairs = collections.Counter()
        for word, count in counts.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        merged = collections.Counter()
        for word, count in counts.items():
            out = []
            for symbol in word:
                if out and (out[-1], symbol) == best:
                    out[-1] += symbol
                else:
                    out.append(symbol)
            merged[tuple(out)] += count
        counts = merged
    return merges


def vocabulary(names, merges):
    vocab = {}
    for name in names + ["".join(m) for m in merges]:
        vocab.setdefault(name, len(vocab))
    return vocab


def added(n, content, **flags):
    token = {"id": n, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return {**token, **flags}


def extra(n):
    return [
        added(n, "<|begin|>", special=True),
        added(n + 1, "<|end|>", special=True),
        added(n + 2, "[USER]"),
        added(n + 3, "<gap>", lstrip=True, rstrip=True),
        added(n + 4, "[USER][USER]"),
        added(n + 5, "hill", normalized=True),
    ]


def template(bos):
    return {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]}


def write(name, **file):
    base = {"version": "1.0", "truncation": None, "padding": None}
    with open(name + ".json", "w", encoding="utf-8") as f:
        json.dump({**base, **file}, f, ensure_ascii=False)
        f.write("\n")


def byte_level():
    chars = alphabet()
    words = re.findall(r" ?\w+| ?[^\s\w]+|\s+", LINES)
    merges = train([tuple(chars[b] for b in w.encode()) for w in words], 120)
    vocab = vocabulary([chars[b] for b in range(256)], merges)
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False}
    split = {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    write("llama3", added_tokens=extra(len(vocab)), normalizer=None, pre_tokenizer={"type": "Sequence", "pretokenizers": [split, level]},
          post_processor={"type": "Sequence", "processors": [level, template("<|begin|>")]}, decoder=level,
          model={**model, "ignore_merges": True, "vocab": vocab, "merges": [list(m) for m in merges]})
    words = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True}]}
    write("gpt2", added_tokens=extra(len(vocab)), normalizer={"type": "NFC"}, pre_tokenizer=words, post_processor=level, decoder=level,
          model={**model, "vocab": vocab, "merges": [" ".join(m) for m in merges]})


def characters():
    words = re.findall(r"▁?[^▁]+", "▁" + LINES.replace(" ", "▁"))
    merges = train([tuple(w) for w in words], 120)
    letters = sorted(set("".join(words)))
    names = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)] + letters
    vocab = vocabulary(names, merges)
    own = [added(0, "<unk>", special=True), added(1, "<s>", special=True), added(2, "</s>", special=True)]
    model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
             "byte_fallback": True, "vocab": vocab, "merges": [" ".join(m) for m in merges]}
    spaces = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    decoder = {"type": "Sequence", "decoders": [spaces, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    normalizer = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    write("llama2", added_tokens=own + extra(len(vocab)), normalizer=normalizer, pre_tokenizer=None, post_processor=template("<s>"), decoder=decoder, model=model)
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    write("metaspace", added_tokens=own + extra(len(vocab)), normalizer=None, pre_tokenizer=metaspace, post_processor=template("<s>"), decoder=decoder, model=model)


TEXTS = LINES.splitlines() + [
    "", " ", "  ", "\n", "\n\n the", "\t\t", " \n ", "   the   end   ", "the\r\nend\r\n\r\n", "\x00\x01\x1f\x7f", "don't DON'T we'RE 'ſ", "1 12 123 1234 12345",
    "é e\u0301 Å A\u030a", "ẞ İ ſ K", "中文здесь", "🦙🦙🏽", "a\u200db \u3000 \u00a0x", "\ufeffthe", "=====", "((((()))))", "hill hills", "the hill",
    "<|begin|>the<|end|>", "the<|end|> the", "[USER]the[USER] the", "[USER][USER][USER]", "the <gap> end", "<gap>", " <gap><gap> <gap> the", "<|end|>[USER]<gap>\n<|begin|> hill",
    "<|begin|", "<s>the</s> the<unk>", "▁the▁▁ ▁", "the " * 40, "x" * 60, " " * 60, "nothing" * 12,
]


def texts():
    with open("texts.jsonl", "w", encoding="utf-8") as f:
        for text in TEXTS:
            f.write(json.dumps({"text": text}) + "\n")


if __name__ == "__main__":
    byte_level()
    characters()
    texts()
