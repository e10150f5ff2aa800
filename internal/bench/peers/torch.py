"""Times a LoRA step (PyTorch alone), a prompt or decoding (transformers) of a LLaMA with random weights.

The task is one JSON object, the argument; the result is one, the last line printed. Speed does not depend on weights.
"""
import importlib, json, statistics, sys, time

task = json.loads(sys.argv[1])
if task["work"] == "versions":
    versions = {}
    for name in task["modules"]:
        try:
            versions[name] = importlib.import_module(name).__version__.split("+")[0]
        except ImportError:
            versions[name] = ""
    print(json.dumps(versions))
    sys.exit()

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(task["threads"])
torch.manual_seed(0)
dtype = {"F32": torch.float32, "BF16": torch.bfloat16}[task["weights"]]
width, layers, heads, kv_heads, head = (task[k] for k in ("hidden", "layers", "heads", "kv_heads", "head_dim"))
inner, vocab, tokens, theta = (task[k] for k in ("intermediate", "vocab", "tokens", "rope_theta"))


def frozen(rows, columns):
    return torch.empty(rows, columns, dtype=dtype).uniform_(-1, 1).mul_(columns**-0.5)


class Linear(nn.Module):
    """y = x·Wᵀ, and with LoRA + 2·(x·Aᵀ)·Bᵀ; A and B are float32."""

    def __init__(self, rows, columns, lora=False):
        super().__init__()
        self.w, self.lora = frozen(rows, columns), lora
        if lora:
            self.a = nn.Parameter(torch.randn(task["rank"], columns) * columns**-0.5)
            self.b = nn.Parameter(torch.full((rows, task["rank"]), 1e-3))

    def forward(self, x):
        y = F.linear(x, self.w)
        if self.lora:
            y = y + (2 * F.linear(F.linear(x.float(), self.a), self.b)).to(y.dtype)
        return y


def norm(x):
    y = x.float()
    return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-5)).to(x.dtype)


def rotate(x, cos, sin):  # (heads, tokens, head)
    half = x.shape[-1] // 2
    a, b = x[..., :half].float(), x[..., half:].float()
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.o = Linear(heads * head, width, True), Linear(width, heads * head, True)
        self.k, self.v = Linear(kv_heads * head, width, True), Linear(kv_heads * head, width, True)
        self.gate, self.up, self.down = Linear(inner, width), Linear(inner, width), Linear(width, inner)

    def forward(self, x, cos, sin):
        h = norm(x)
        q, k, v = (p(h).view(tokens, -1, head).transpose(0, 1) for p in (self.q, self.k, self.v))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k, v = (t.repeat_interleave(heads // kv_heads, 0) for t in (k, v))
        y = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]
        x = x + self.o(y.transpose(0, 1).reshape(tokens, heads * head))
        h = norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


def step():
    embedding = frozen(vocab, width)
    output = embedding if task["tied"] else frozen(vocab, width)
    blocks = nn.ModuleList(Block() for _ in range(layers))
    angles = torch.outer(torch.arange(tokens).float(), theta ** (-torch.arange(0, head, 2).float() / head))
    cos, sin = angles.cos(), angles.sin()
    optimizer = torch.optim.AdamW([p for p in blocks.parameters() if p.requires_grad], lr=1e-4)
    ids = torch.randint(0, vocab, (tokens,))

    def run():
        optimizer.zero_grad(set_to_none=True)
        x = F.embedding(ids, embedding)
        for block in blocks:
            x = block(x, cos, sin)
        F.cross_entropy(F.linear(norm(x), output).float(), ids).backward()
        optimizer.step()

    return run


def model():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_default_dtype(dtype)
    config = LlamaConfig(
        hidden_size=width, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, head_dim=head, vocab_size=vocab, tie_word_embeddings=task["tied"],
        max_position_embeddings=tokens + task["generated"] + 1)
    return LlamaForCausalLM(config).eval()


def prompt(llama):
    ids = torch.randint(0, vocab, (1, tokens))
    return lambda: llama(ids, use_cache=True, logits_to_keep=1).past_key_values


def decode(llama):
    one, read = torch.tensor([[3]]), prompt(llama)

    def run(cache):
        for _ in range(task["generated"]):
            cache = llama(one, past_key_values=cache, use_cache=True).past_key_values

    return read, run


def timed(run):
    wall, busy = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - busy


times = []
if task["work"] == "step":
    run = step()
    times = [timed(run) for _ in range(task["steps"] + 1)][1:]
else:
    with torch.inference_mode():
        if task["work"] == "prompt":
            run = prompt(model())
            times = [timed(run) for _ in range(task["steps"] + 1)][1:]
        else:
            read, run = decode(model())
            cache = read()
            run(read())
            times = [timed(lambda: run(cache))]
seconds, busy = (statistics.median(t) for t in zip(*times))
print(json.dumps({"seconds": seconds, "cpu_seconds": busy}))
