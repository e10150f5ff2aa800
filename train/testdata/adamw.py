"""Writes adamw.json: ten steps of PyTorch's AdamW (1.13), in float64 on float32 inputs.

python3 adamw.py > adamw.json
"""
import json

import torch

torch.manual_seed(3)
start = torch.randn(24, dtype=torch.float32)
gradients = [(torch.randn(24) * 10.0 ** torch.randint(-7, 3, (24,))).to(torch.float32) for _ in range(10)]
p = torch.nn.Parameter(start.double())
settings = {"Rate": 1e-2, "Beta1": 0.9, "Beta2": 0.95, "Epsilon": 1e-4, "Decay": 0.3}
optimizer = torch.optim.AdamW([p], lr=settings["Rate"], betas=(settings["Beta1"], settings["Beta2"]),
                              eps=settings["Epsilon"], weight_decay=settings["Decay"])
steps = []
for g in gradients:
    p.grad = g.double()
    optimizer.step()
    steps.append(p.tolist())
print(json.dumps({**settings, "Start": start.tolist(), "Gradients": [g.tolist() for g in gradients], "Steps": steps}))
