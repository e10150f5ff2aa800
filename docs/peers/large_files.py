"""Measures how long fettle takes from its start to the first token of a model as large as LLaMA 7B, and its memory, for
each format of files. The weights are zeros in sparse files, and the second run counts, whose pages are in memory: reading
costs what page faults and layouts cost, not what a disk does.

    python -P docs/peers/large_files.py FETTLE TOKENIZER.model DIRECTORY [FORMAT...]     standard library only; Linux
"""
import json, os, shutil, struct, subprocess, sys, time, zlib

D, F, L, H, V = 4096, 11008, 32, 32, 32000
QUANTS = {"Q4_0": (2, 18), "Q8_0": (8, 34)}  # number of the type, bytes of 32 weights

HF = {"embed": "model.embed_tokens", "head": "lm_head", "norm": "model.norm", "block": "model.layers.",
      "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "o": "self_attn.o_proj",
      "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj",
      "n1": "input_layernorm", "n2": "post_attention_layernorm"}
GGUF = {"embed": "token_embd", "head": "output", "norm": "output_norm", "block": "blk.", "q": "attn_q", "k": "attn_k",
        "v": "attn_v", "o": "attn_output", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down", "n1": "attn_norm",
        "n2": "ffn_norm"}
META = {"embed": "tok_embeddings", "head": "output", "norm": "norm", "block": "layers.", "q": "attention.wq",
        "k": "attention.wk", "v": "attention.wv", "o": "attention.wo", "gate": "feed_forward.w1",
        "up": "feed_forward.w3", "down": "feed_forward.w2", "n1": "attention_norm", "n2": "ffn_norm"}


def tensors(names):
    """names and shapes, rows first"""
    yield names["embed"] + ".weight", (V, D)
    yield names["head"] + ".weight", (V, D)
    yield names["norm"] + ".weight", (D,)
    for l in range(L):
        for key, shape in [("q", (D, D)), ("k", (D, D)), ("v", (D, D)), ("o", (D, D)), ("gate", (F, D)), ("up", (F, D)),
                           ("down", (D, F)), ("n1", (D,)), ("n2", (D,))]:
            yield f"{names['block']}{l}.{names[key]}.weight", shape


def count(shape):
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def safetensors(dir):
    header, at = {}, 0
    for name, shape in tensors(HF):
        end = at + 2 * count(shape)
        header[name], at = {"dtype": "BF16", "shape": shape, "data_offsets": [at, end]}, end
    text = json.dumps(header).encode()
    with open(dir + "/model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(f.tell() + at)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": D, "intermediate_size": F,
              "num_hidden_layers": L, "num_attention_heads": H, "vocab_size": V, "max_position_embeddings": 2048,
              "rms_norm_eps": 1e-6, "hidden_act": "silu", "tie_word_embeddings": False}
    json.dump(config, open(dir + "/config.json", "w"))
    return dir


def gguf(kind):
    def write(dir):
        text = lambda s: struct.pack("<Q", len(s)) + s.encode()
        number = lambda k, v: text(k) + struct.pack("<II", 4, v)
        a = "llama."
        keys = [text("general.architecture") + struct.pack("<I", 8) + text("llama"), number(a + "block_count", L),
                number(a + "context_length", 2048), number(a + "embedding_length", D),
                number(a + "feed_forward_length", F), number(a + "attention.head_count", H),
                text(a + "attention.layer_norm_rms_epsilon") + struct.pack("<If", 6, 1e-6)]
        infos, at = [], 0
        for name, shape in tensors(GGUF):
            dtype, size = (0, 4 * shape[0]) if len(shape) == 1 else (QUANTS[kind][0], count(shape) // 32 * QUANTS[kind][1])
            dims = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
            infos.append(text(name) + dims + struct.pack("<IQ", dtype, at))
            at += (size + 31) // 32 * 32
        with open(dir + "/model.gguf", "wb") as f:
            f.write(b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(keys)) + b"".join(keys + infos))
            f.write(b"\0" * (-f.tell() % 32))
            f.truncate(f.tell() + at)
        return dir + "/model.gguf"
    return write


def meta(dir):
    """a zip of zeros; its entries are stored and begin at multiples of 64, as PyTorch's do"""
    def word(x):
        return b"X" + struct.pack("<I", len(x)) + x.encode()

    def number(x):
        return b"J" + struct.pack("<i", x)
    pickle, sizes = b"\x80\x02}(", []
    for i, (name, shape) in enumerate(tensors(META)):
        stride = (shape[1], 1) if len(shape) > 1 else (1,)
        pack = lambda t: b"(" + b"".join(map(number, t)) + b"t"
        pickle += (word(name) + b"ctorch._utils\n_rebuild_tensor_v2\n((" + word("storage") + b"ctorch\nHalfStorage\n" +
                   word(str(i)) + word("cpu") + number(count(shape)) + b"tQ" + number(0) + pack(shape) + pack(stride) +
                   b"\x89ccollections\nOrderedDict\n)RtR")
        sizes.append(2 * count(shape))
    pickle += b"u."
    sums = {}

    def zeros(n):
        if n not in sums:
            crc, block = 0, bytes(1 << 20)
            for _ in range(n >> 20):
                crc = zlib.crc32(block, crc)
            sums[n] = zlib.crc32(bytes(n & 0xfffff), crc)
        return sums[n]
    directory, entries = b"", [("data.pkl", pickle, None)] + [(f"data/{i}", None, n) for i, n in enumerate(sizes)]
    with open(dir + "/consolidated.00.pth", "wb") as f:
        for name, data, n in entries:
            name = ("consolidated/" + name).encode()
            crc, n = (zlib.crc32(data), len(data)) if data is not None else (zeros(n), n)
            at, pad = f.tell(), -(f.tell() + 30 + len(name) + 4) % 64
            local = struct.pack("<HHHHHIII", 20, 0, 0, 0, 0, crc, n, n)
            f.write(b"PK\3\4" + local + struct.pack("<HH", len(name), pad + 4) + name)
            f.write(struct.pack("<HH", 0x4246, pad) + bytes(pad))
            if data is None:
                f.seek(n, 1)
            else:
                f.write(data)
            wide = struct.pack("<HHQ", 1, 8, at)
            directory += (b"PK\1\2" + struct.pack("<H", 45) + local + struct.pack("<HHHHHII", len(name), len(wide), 0, 0, 0, 0,
                          0xffffffff) + name + wide)
        at, n = f.tell(), len(entries)
        f.write(directory + b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, n, n, len(directory), at))
        f.write(b"PK\6\7" + struct.pack("<IQI", 0, at + len(directory), 1))
        f.write(b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, n, n, len(directory), 0xffffffff, 0))
    json.dump({"dim": D, "n_layers": L, "n_heads": H, "vocab_size": -1, "multiple_of": 256, "norm_eps": 1e-6},
              open(dir + "/params.json", "w"))
    return dir


FORMATS = {"safetensors": safetensors, "Q4_0": gguf("Q4_0"), "Q8_0": gguf("Q8_0"), "pth": meta}


def run(command):
    """seconds, seconds of processors outside and inside the kernel, the largest anonymous memory in GiB, exit status"""
    begin = time.time()
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    anonymous = 0
    while True:
        pid, status, usage = os.wait4(p.pid, os.WNOHANG)
        if pid:
            break
        for line in open(f"/proc/{p.pid}/status"):
            if line.startswith("RssAnon"):
                anonymous = max(anonymous, int(line.split()[1]) * 1024)
        time.sleep(0.02)
    return time.time() - begin, (usage.ru_utime, usage.ru_stime), anonymous / 2**30, os.waitstatus_to_exitcode(status)


def main():
    fettle, tokenizer, dir, *formats = sys.argv[1:]
    for name in formats or FORMATS:
        at = f"{dir}/{name}"
        os.makedirs(at)
        try:
            shutil.copy(tokenizer, at + "/tokenizer.model")
            path = FORMATS[name](at)
            size = sum(os.path.getsize(os.path.join(at, f)) for f in os.listdir(at)) / 2**30
            ask = [fettle, "generate", "--raw", "--prompt", "Once", "--max_new_tokens", "1", "--model_name_or_path", path]
            run(ask)  # fills the page cache
            seconds, busy, anonymous, code = run(ask)
            print(f"{name:12s} file {size:5.1f} GiB   first token {seconds:6.1f} s (processors: {busy[0]:.1f} s, {busy[1]:.1f} s in the kernel)   memory {anonymous:5.1f} GiB   "
                  f"exit {code}", flush=True)
        finally:
            shutil.rmtree(at)


if __name__ == "__main__":
    main()
