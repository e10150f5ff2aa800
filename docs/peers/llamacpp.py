#!/usr/bin/env python3
"""llama.cpp's answers about a GGUF file, as JSON.

    LLAMA_CPP=DIR llamacpp.py MODEL.gguf [LORA.gguf[:SCALE]]... < REQUESTS

DIR holds llama.cpp v0.5.0's shared libraries, as the npm package @node-llama-cpp/linux-x64 3.22.1 ships them in
bins/linux-x64. Python needs nothing but its standard library. Every line of REQUESTS is an object:

    text      a text, tokenized with control tokens parsed; "bos": false leaves out what llama.cpp would add
    ids       token ids, instead
    logits    "last" or "all": of the last position or of every one
    greedy    how many tokens to take by the largest logit; generation ends before a token that ends it

and is answered by one line: ids; logits, a list or a list of lists; greedy, the ids; gap, the distance from the largest
logit to the second at each step; text, the greedy ids' text; ended, whether a token ended it. Attention and its cache are
float32. llama.cpp rounds activations to 8 bits beside quantized weights, and to the weights' type beside F16 and BF16."""
import ctypes
import json
import os
import sys
from ctypes import POINTER, Structure, c_bool, c_char_p, c_float, c_int8, c_int32, c_size_t, c_uint32, c_void_p


class ModelParams(Structure):
    _fields_ = [("devices", c_void_p), ("overrides", c_void_p), ("gpu_layers", c_int32), ("split", c_int32), ("load", c_int32),
                ("lazy", c_int32), ("main_gpu", c_int32), ("tensor_split", c_void_p), ("progress", c_void_p),
                ("progress_data", c_void_p), ("kv_overrides", c_void_p), ("flags", c_bool * 6)]


class ContextParams(Structure):
    _fields_ = [("n_ctx", c_uint32), ("n_batch", c_uint32), ("n_ubatch", c_uint32), ("n_seq_max", c_uint32), ("n_rs_seq", c_uint32),
                ("n_outputs_max", c_uint32), ("n_outputs_max_per_seq", c_uint32), ("n_threads", c_int32), ("n_threads_batch", c_int32),
                ("ctx_type", c_int32), ("rope_scaling", c_int32), ("pooling", c_int32), ("attention", c_int32), ("flash_attn", c_int32),
                ("rope_base", c_float), ("rope_scale", c_float), ("yarn_ext", c_float), ("yarn_attn", c_float), ("yarn_beta_fast", c_float),
                ("yarn_beta_slow", c_float), ("yarn_orig_ctx", c_uint32), ("defrag", c_float), ("eval", c_void_p), ("eval_data", c_void_p),
                ("type_k", c_int32), ("type_v", c_int32), ("abort", c_void_p), ("abort_data", c_void_p), ("flags", c_bool * 6),
                ("samplers", c_void_p), ("n_samplers", c_size_t), ("other", c_void_p)]


class Batch(Structure):
    _fields_ = [("n", c_int32), ("token", POINTER(c_int32)), ("embd", POINTER(c_float)), ("pos", POINTER(c_int32)),
                ("n_seq", POINTER(c_int32)), ("seq", POINTER(POINTER(c_int32))), ("logits", POINTER(c_int8))]


FUNCTIONS = {  # name: result, arguments
    "llama_model_default_params": (ModelParams, []),
    "llama_context_default_params": (ContextParams, []),
    "llama_model_load_from_file": (c_void_p, [c_char_p, ModelParams]),
    "llama_init_from_model": (c_void_p, [c_void_p, ContextParams]),
    "llama_model_get_vocab": (c_void_p, [c_void_p]),
    "llama_vocab_n_tokens": (c_int32, [c_void_p]),
    "llama_vocab_is_eog": (c_bool, [c_void_p, c_int32]),
    "llama_tokenize": (c_int32, [c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool]),
    "llama_detokenize": (c_int32, [c_void_p, POINTER(c_int32), c_int32, c_char_p, c_int32, c_bool, c_bool]),
    "llama_batch_init": (Batch, [c_int32, c_int32, c_int32]),
    "llama_batch_free": (None, [Batch]),
    "llama_decode": (c_int32, [c_void_p, Batch]),
    "llama_get_logits_ith": (POINTER(c_float), [c_void_p, c_int32]),
    "llama_get_memory": (c_void_p, [c_void_p]),
    "llama_memory_clear": (None, [c_void_p, c_bool]),
    "llama_adapter_lora_init": (c_void_p, [c_void_p, c_char_p]),
    "llama_set_adapters_lora": (c_int32, [c_void_p, POINTER(c_void_p), c_size_t, POINTER(c_float)]),
    "llama_log_set": (None, [c_void_p, c_void_p]),
}


def die(message):
    sys.exit("llamacpp.py: " + message)


def library():
    """The functions of libllama, their processors' kernels loaded, quiet but for warnings and errors."""
    folder = os.environ.get("LLAMA_CPP") or die("LLAMA_CPP: set it to the folder of llama.cpp's shared libraries")
    lib = ctypes.CDLL(os.path.join(folder, "libllama.v0.5.0.so"))
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    level = ctypes.CFUNCTYPE(None, c_int32, c_char_p, c_void_p)
    lib.log = level(lambda n, text, _: n in (3, 4) and sys.stderr.write(text.decode(errors="replace")))
    lib.llama_log_set(ctypes.cast(lib.log, c_void_p), None)
    ctypes.CDLL(os.path.join(folder, "libggml.v0.5.0.so")).ggml_backend_load_all_from_path(c_char_p(folder.encode()))
    p = lib.llama_context_default_params()  # another version's structures would not have these defaults
    found = (p.n_ctx, p.n_batch, p.n_ubatch, p.type_k, p.type_v, list(p.flags)[1], p.n_samplers)
    if found != (512, 2048, 512, 1, 1, True, 0):
        die(f"{folder}: the default parameters are {found}: not llama.cpp v0.5.0")
    return lib


class Model:
    def __init__(self, path, adapters, context, threads):
        self.lib = lib = library()
        self.model = lib.llama_model_load_from_file(path.encode(), lib.llama_model_default_params()) or die(path + ": not loaded")
        p = lib.llama_context_default_params()
        p.n_ctx = p.n_batch = p.n_ubatch = context
        p.n_threads = p.n_threads_batch = threads
        p.flash_attn = p.type_k = p.type_v = 0  # off; F32
        self.context = lib.llama_init_from_model(self.model, p) or die(path + ": no context")
        self.vocab = lib.llama_model_get_vocab(self.model)
        self.size = lib.llama_vocab_n_tokens(self.vocab)
        loaded, scales = [], []
        for adapter in adapters:
            file, colon, scale = adapter.rpartition(":")
            file, scale = (file, float(scale)) if colon else (adapter, 1.0)
            loaded.append(lib.llama_adapter_lora_init(self.model, file.encode()) or die(file + ": not loaded"))
            scales.append(scale)
        n = len(loaded)
        if n and lib.llama_set_adapters_lora(self.context, (c_void_p * n)(*loaded), n, (c_float * n)(*scales)):
            die("adapters: refused")

    def encode(self, text, bos):
        b = text.encode()
        out = (c_int32 * (len(b) + 8))()
        n = self.lib.llama_tokenize(self.vocab, b, len(b), out, len(out), bos, True)
        return list(out[:n])

    def decode(self, ids):
        out = ctypes.create_string_buffer(64 + 64 * len(ids))
        n = self.lib.llama_detokenize(self.vocab, (c_int32 * len(ids))(*ids), len(ids), out, len(out), False, True)
        return out.raw[:n].decode(errors="replace")

    def clear(self):
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)
        self.at = 0

    def step(self, ids, every=False):
        """Reads ids after what was read before; returns the logits of every position, or those of the last in a list."""
        b = self.lib.llama_batch_init(len(ids), 0, 1)
        b.n = len(ids)
        wanted = range(len(ids)) if every else [len(ids) - 1]
        for i, id in enumerate(ids):
            b.token[i], b.pos[i], b.n_seq[i], b.logits[i] = id, self.at + i, 1, i in wanted
            b.seq[i][0] = 0
        code = self.lib.llama_decode(self.context, b)
        self.lib.llama_batch_free(b)
        if code:
            die(f"llama_decode: {code}")
        self.at += len(ids)
        return [self.lib.llama_get_logits_ith(self.context, i)[:self.size] for i in wanted]

    def answer(self, q):
        ids = q["ids"] if "ids" in q else self.encode(q["text"], q.get("bos", True))
        self.clear()
        rows = self.step(ids, q.get("logits") == "all")
        a = {"ids": ids}
        if "logits" in q:
            a["logits"] = rows if q["logits"] == "all" else rows[-1]
        if "greedy" in q:
            row, out, gap, ended = rows[-1], [], [], False
            while len(out) < q["greedy"]:
                best = max(range(self.size), key=row.__getitem__)
                gap.append(row[best] - max(x for i, x in enumerate(row) if i != best))
                ended = bool(self.lib.llama_vocab_is_eog(self.vocab, best))
                if ended and not q.get("past_end"):
                    break
                out.append(best)
                row = self.step([best])[-1]
            a |= {"greedy": out, "gap": gap, "text": self.decode(out), "ended": ended}
        return a


def main():
    if len(sys.argv) < 2:
        die("usage: llamacpp.py MODEL.gguf [LORA.gguf[:SCALE]]... < REQUESTS")
    model = Model(sys.argv[1], sys.argv[2:], int(os.environ.get("LLAMA_CPP_CONTEXT", 1024)), int(os.environ.get("LLAMA_CPP_THREADS", 1)))
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(model.answer(json.loads(line))), flush=True)


main()
