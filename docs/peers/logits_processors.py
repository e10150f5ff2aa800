"""Writes model/generate/testdata/processors.json: the probabilities that transformers' processors of logits leave.

    pip install torch transformers==5.24.0 && python -P docs/peers/logits_processors.py > model/generate/testdata/processors.json

Logits, tokens before and settings are made up. The processors are those that generate() builds, in its order."""
import json

import torch
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

V = 40
model = GPT2LMHeadModel(GPT2Config(vocab_size=V, n_embd=8, n_layer=1, n_head=1))
CASES = [dict(), dict(temperature=0.7), dict(temperature=2.5, top_k=5), dict(top_p=0.8), dict(top_p=0.3, temperature=1.6),
         dict(top_k=12, top_p=0.6), dict(min_p=0.08), dict(temperature=1.8, min_p=0.3), dict(repetition_penalty=1.3),
         dict(repetition_penalty=0.6), dict(repetition_penalty=1.7, temperature=0.5, top_k=20, top_p=0.9, min_p=0.02),
         dict(repetition_penalty=1.2, temperature=3.0, top_k=30, top_p=0.95)]
generator = torch.Generator().manual_seed(15)
out = []
for case in CASES:
    logits = (torch.randn(1, V, generator=generator) * 2.5 - 0.5)
    before = torch.randint(0, V, (1, 12), generator=generator)
    config = GenerationConfig(do_sample=True, **({"top_k": 0} | case))
    processors = model._get_logits_processor(config, input_ids_seq_length=12, encoder_input_ids=before)
    p = processors(before, logits.clone()).double().softmax(-1)
    out.append({"settings": case, "logits": [round(float(v), 6) for v in logits[0]], "before": before[0].tolist(),
                "p": [round(float(v), 9) for v in p[0]]})
print("[\n" + ",\n".join(json.dumps(o) for o in out) + "\n]")
