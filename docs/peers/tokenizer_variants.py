#!/usr/bin/env python3
"""Writes tokenizer directories of many kinds and the ids that transformers gives for texts in them.

    pip install transformers==4.57.6 sentencepiece protobuf
    python3 tokenizer_variants.py /tmp/variants.jsonl 400 30 1
    FETTLE_VARIANTS=/tmp/variants.jsonl go test ./model/tokenizer -run TestVariantsEqualTransformers

Arguments: output, directories, texts in each, seed. Each line of the output has
    base      the tokenizer file, relative to model/tokenizer
    json      the parts of tokenizer.json that replace the base's
    files     the side files
    texts     [text, ids] without special tokens; of tokenizer.model those on which both of transformers' ways to
              read it agree
    before, after  what tokenizer(text) puts around a text
    bos, eos  ids or null
Directories that transformers refuses are left out. The vocabularies are this project's own.
"""
import json
import os
import random
import shutil
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
from transformers import AutoTokenizer, LlamaTokenizer  # noqa: E402

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "model", "tokenizer")
BASES = ["testdata/llama2.json", "testdata/metaspace.json", "testdata/llama3.json", "testdata/gpt2.json",
         "../../internal/builtin/files/tokenizer.model"]
NAMES = ["<|begin|>", "<|end|>", "[USER]", "<gap>", "[USER][USER]", "hill", "<s>", "</s>", "<unk>", "<pad>",
         "[PAD]", "<|im_end|>", "<new>", "Über", "wander"]
PIECES = NAMES + [" ", " ", "  ", "\n", "\n\n", "\t", "▁", "▁▁", "the", "hill", "home", "morning", "a", "b", "1984",
                  "12", ".", ", ", "'s", "é", "e\u0301", "中文", "Ã", "\u00a0", "😀", "uphill", "hills", "\u2003x",
                  "there is", "<", "|>", "USER", "_", "-", ":", "#", "ﬁ"]


def text(r):
    return "".join(r.choice(PIECES) for _ in range(r.randrange(12)))


def flags(r, special=None):
    special = r.random() < 0.5 if special is None else special
    a = {"single_word": r.random() < 0.15, "lstrip": r.random() < 0.2, "rstrip": r.random() < 0.2,
         "normalized": not special if r.random() < 0.8 else r.random() < 0.5, "special": special}
    return a


def name(r, text):
    """A name of a special token, as text or as an object."""
    if r.random() < 0.6:
        return text
    return {"content": text, "__type": "AddedToken", **flags(r, True)}


def template(r, begin, end):
    items, ids = [], {}
    if r.random() < 0.7:
        items.append({"SpecialToken": {"id": begin[0], "type_id": 0}})
        ids[begin[0]] = {"id": begin[0], "ids": [begin[1]], "tokens": [begin[0]]}
    items.append({"Sequence": {"id": "A", "type_id": 0}})
    if r.random() < 0.3:
        items.append({"SpecialToken": {"id": end[0], "type_id": 0}})
        ids[end[0]] = {"id": end[0], "ids": [end[1]], "tokens": [end[0]]}
    return {"type": "TemplateProcessing", "single": items,
            "pair": items + [{"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": ids}


def processor(r, begin, end):
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return r.choice([
        None, level, template(r, begin, end), template(r, begin, end),
        {"type": "Sequence", "processors": [level, template(r, begin, end)]},
        {"type": "RobertaProcessing", "sep": list(end), "cls": list(begin), "trim_offsets": True,
         "add_prefix_space": False},
        {"type": "BertProcessing", "sep": list(end), "cls": list(begin)},
    ])


def parts(r, base, file):
    """Replacements of parts of a tokenizer.json."""
    out = {}
    added = [dict(a) for a in file["added_tokens"]]
    for a in added:
        if a["content"] not in ("<unk>", "<s>", "</s>") and r.random() < 0.4:
            a.update(flags(r))
    size = max(a["id"] for a in added) + 1
    for t in r.sample(["<pad>", "<new>", "Über", "wander", "<|im_end|>"], r.randrange(3)):
        added.append({"id": size, "content": t, **flags(r)})
        size += 1
    out["added_tokens"] = added
    ids = {a["content"]: a["id"] for a in added}
    begin, end = ("<s>", "</s>") if "<s>" in ids else ("<|begin|>", "<|end|>")
    out["post_processor"] = processor(r, (begin, ids[begin]), (end, ids[end]))
    if "llama2" in base or "metaspace" in base:
        replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
        meta = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": r.choice(["first", "always", "never"]),
                "split": r.random() < 0.5}
        out["normalizer"], out["pre_tokenizer"] = r.choice([
            ({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]}, None),
            (replace, None), (None, meta), (None, meta), ({"type": "NFC"}, meta),
            ({"type": "Sequence", "normalizers": [{"type": "NFKC"}, replace]}, None),
            (None, {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True, "prepend_scheme": "first",
                    "split": False}),
        ])
    elif r.random() < 0.5:
        level = {"type": "ByteLevel", "add_prefix_space": r.random() < 0.5, "trim_offsets": True,
                 "use_regex": r.random() < 0.8}
        split = {"type": "Split", "pattern": r.choice([{"String": " "}, {"Regex": "\\d"}, {"Regex": "[^a-z]+"}]),
                 "behavior": r.choice(["Isolated", "Removed", "MergedWithNext", "MergedWithPrevious", "Contiguous"]),
                 "invert": r.random() < 0.3}
        first = r.choice([
            {"type": "Digits", "individual_digits": r.random() < 0.5}, split, split, {"type": "WhitespaceSplit"},
            {"type": "Punctuation", "behavior": r.choice(["Isolated", "Contiguous", "MergedWithPrevious"])},
        ])
        out["pre_tokenizer"] = r.choice([level, {"type": "Sequence", "pretokenizers": [first, level]}])
        out["normalizer"] = r.choice([
            None, {"type": "NFC"}, {"type": "Lowercase"}, {"type": "StripAccents"},
            {"type": "Strip", "strip_left": r.random() < 0.5, "strip_right": r.random() < 0.5},
        ])
    return out


def side(r, base, added, level):
    files = {}
    config = {}
    classes = ["LlamaTokenizer", "LlamaTokenizerFast", "PreTrainedTokenizerFast", "CodeLlamaTokenizer"]
    if not base.endswith(".model"):
        classes += ["GPT2Tokenizer", "Qwen2Tokenizer", "GPTNeoXTokenizerFast", "PreTrainedTokenizerFast"]
        if "llama3" in base or "gpt2" in base:
            classes += ["GPT2Tokenizer", "GPT2TokenizerFast", "PreTrainedTokenizerFast"]
    else:
        classes = classes[:2]
    config["tokenizer_class"] = r.choice(classes)
    for key, odds in {"add_bos_token": 0.5, "add_eos_token": 0.4}.items():
        if r.random() < odds:
            config[key] = r.random() < 0.5
    if base.endswith(".model"):
        for key, odds in {"legacy": 0.8, "add_prefix_space": 0.3}.items():
            if r.random() < odds:
                config[key] = r.random() < 0.4
    elif r.random() < 0.3:
        config["legacy"] = r.random() < 0.5
    if level is not None and not config["tokenizer_class"].startswith("Llama"):
        # Without it this version turns the file's add_prefix_space off, unlike later ones.
        config["add_prefix_space"] = r.random() < 0.5
    begin, end = ("<|begin|>", "<|end|>") if "llama3" in base or "gpt2" in base else ("<s>", "</s>")
    known = {a["content"]: a["id"] for a in added}
    names = {}
    if not config["tokenizer_class"].startswith(("Llama", "CodeLlama")):
        names["unk_token"] = name(r, "<unk>" if begin == "<s>" else end)
    if r.random() < 0.8 or "unk_token" in names or begin != "<s>":
        names["bos_token"], names["eos_token"] = name(r, begin), name(r, r.choice([end, end, "<|im_end|>", "[USER]"]))
        if begin != "<s>":
            names["unk_token"] = name(r, end)
    if r.random() < 0.4 or config["tokenizer_class"].startswith("Qwen2"):
        names["pad_token"] = name(r, r.choice(["<pad>", "[PAD]", end]))
    if r.random() < 0.2:
        # Not EOS: where added_tokens.json is read too, this version takes another token of that file for it.
        end = names.get("eos_token")
        end = end["content"] if isinstance(end, dict) else end
        others = [t for t in ["[USER]", "<|im_end|>", "<new>", "hill"] if t != end]
        names["additional_special_tokens"] = r.sample(others, 2)
    size = max([1024 if base.endswith(".model") else 0] + [i + 1 for i in known.values()])
    more = {}
    for t in r.sample(["<pad>", "<new>", "<|im_end|>", "Über"], r.randrange(4)):
        if t not in known:
            more[t], size = size, size + 1
    style = r.randrange(4)
    if style == 0:
        config["added_tokens_decoder"] = {str(i): {"content": t, **flags(r)} for t, i in more.items()}
        for a in added:
            config["added_tokens_decoder"][str(a["id"])] = {k: v for k, v in a.items() if k != "id"}
        if r.random() < 0.5:  # ignored
            files["special_tokens_map.json"] = {"eos_token": begin}
        config.update(names)
    else:
        if "unk_token" in names:
            config["unk_token"] = names["unk_token"]
        if r.random() < 0.5:  # the file repeats tokens of tokenizer.json
            more.update({a["content"]: a["id"] for a in added if r.random() < 0.7})
        if more:
            files["added_tokens.json"] = more
        if style == 1:
            # As texts: this version does not see that an object names a token of added_tokens.json.
            config.update({k: v["content"] if isinstance(v, dict) else v for k, v in names.items()})
        else:
            files["special_tokens_map.json"] = names
            if style == 3:
                config.update({"bos_token": begin, "eos_token": end, "pad_token": "</s>"})
                if begin != "<s>":
                    config.update({"pad_token": end, "unk_token": end})
    if r.random() < 0.95 or base.endswith(".model") is False:
        files["tokenizer_config.json"] = config
    return files


def variant(r, texts):
    base = r.choice(BASES)
    path = os.path.join(HERE, base)
    out = {"base": base, "json": {}}
    with tempfile.TemporaryDirectory() as d:
        added, level = [], None
        if base.endswith(".model"):
            shutil.copy(path, os.path.join(d, "tokenizer.model"))
        else:
            with open(path) as f:
                file = json.load(f)
            out["json"] = parts(r, base, file)
            file.update(out["json"])
            added, level = file["added_tokens"], (file["pre_tokenizer"] or {}).get("add_prefix_space")
            with open(os.path.join(d, "tokenizer.json"), "w") as f:
                json.dump(file, f)
        out["files"] = side(r, base, added, level)
        for n, content in out["files"].items():
            with open(os.path.join(d, n), "w") as f:
                json.dump(content, f)
        with open(os.path.join(d, "config.json"), "w") as f:
            json.dump({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, f)
        tok = AutoTokenizer.from_pretrained(d)
        slow = LlamaTokenizer.from_pretrained(d) if base.endswith(".model") else tok
        out["texts"] = []
        for _ in range(texts):
            t = text(r)
            ids = tok(t, add_special_tokens=False)["input_ids"]
            if ids == slow(t, add_special_tokens=False)["input_ids"]:
                out["texts"].append([t, ids])
        plain, whole = tok("the", add_special_tokens=False)["input_ids"], tok("the")["input_ids"]
        if not plain:
            raise ValueError("no tokens")
        for at in range(len(whole) - len(plain) + 1):
            if whole[at:at + len(plain)] == plain:
                out["before"], out["after"] = whole[:at], whole[at + len(plain):]
                break
        out["bos"], out["eos"] = tok.bos_token_id, tok.eos_token_id
        out["class"] = type(tok).__name__
    return out


def main():
    n, texts, seed = (int(a) for a in sys.argv[2:5])
    out = open(sys.argv[1], "w")
    made = refused = 0
    reasons = {}
    while made < n:
        r = random.Random(f"{seed} {made + refused}")
        try:
            out.write(json.dumps(variant(r, texts)) + "\n")
            made += 1
        except Exception as e:  # transformers and tokenizers raise many kinds
            refused += 1
            reasons[str(e)[:80]] = reasons.get(str(e)[:80], 0) + 1
    print(refused, "refused:", reasons, file=sys.stderr)


main()
