#!/usr/bin/env python3
"""Prints the learning rates of Hugging Face's schedulers, a JSON object a line: what train/testdata/schedules.jsonl holds.

    pip install torch transformers accelerate
    python3 docs/peers/schedules.py > train/testdata/schedules.jsonl

The settings of each line are those of TrainingArguments. rates are those of every stride-th step, in the order of
steps, up to the last one. Made with transformers 5.24.0 and torch 2.15.0.
"""
import json
import tempfile

import torch
from transformers import TrainingArguments
from transformers.optimization import get_scheduler

# lr_scheduler_type, lr_scheduler_kwargs, learning_rate, warmup_steps, steps, stride
RUNS = [
    ("linear", {}, 3e-4, 0, 11, 1),
    ("linear", {}, 2e-5, 0.15, 33, 1),
    ("linear", {}, 1e-3, 40, 40, 1),  # the warm-up never ends
    ("linear", {}, 1e-3, 0.03, 1, 1),  # every rate is 0
    ("linear", {}, 7e-5, 0.1, 2311, 19),
    ("cosine", {}, 1e-4, 5, 29, 1),
    ("cosine", {}, 2e-5, 0.03, 1218, 7),
    ("cosine", {"num_cycles": 1.75}, 3e-3, 4, 41, 1),
    ("cosine", {"num_cycles": 12}, 1e-4, 0, 97, 1),
    ("cosine_with_restarts", {}, 1e-4, 3, 31, 1),
    ("cosine_with_restarts", {"num_cycles": 4}, 5e-4, 0.06, 83, 1),
    ("cosine_with_restarts", {"num_cycles": 3}, 2e-4, 0, 30, 1),  # restarts at whole steps
    ("cosine_with_min_lr", {"min_lr": 1e-5}, 3e-4, 7, 37, 1),
    ("cosine_with_min_lr", {"min_lr_rate": 0.1}, 1.3e-4, 0.2, 44, 1),
    ("cosine_with_min_lr", {"min_lr_rate": 0.05, "num_cycles": 0.8}, 1e-3, 0, 26, 1),
    ("cosine_warmup_with_min_lr", {"min_lr_rate": 0.1}, 1e-4, 6, 35, 1),
    ("cosine_warmup_with_min_lr", {"min_lr": 2e-6, "warmup_lr_rate": 0.01}, 6e-5, 9, 48, 1),
    ("polynomial", {}, 1e-4, 4, 27, 1),
    ("polynomial", {"power": 2}, 3e-4, 0.1, 43, 1),
    ("polynomial", {"power": 0.9, "lr_end": 1e-6}, 2e-4, 0, 59, 1),
    ("polynomial", {"power": 3.5, "lr_end": 0}, 1e-3, 10, 71, 1),
    ("polynomial", {"power": 0.5}, 4e-5, 2, 39, 1),
    ("constant", {}, 2e-4, 0, 9, 1),
    ("constant", {}, 2e-4, 5, 9, 1),  # no warm-up
    ("constant", {}, 1e-4, 0.3, 9, 1),
    ("constant_with_warmup", {}, 2e-4, 5, 12, 1),
    ("constant_with_warmup", {}, 5e-5, 0.07, 45, 1),
    ("inverse_sqrt", {}, 1e-3, 6, 34, 1),
    ("inverse_sqrt", {}, 1e-3, 0, 20, 1),  # timescale 10,000
    ("inverse_sqrt", {"timescale": 25}, 7e-4, 0.1, 52, 1),
    ("warmup_stable_decay", {"num_decay_steps": 10}, 3e-4, 5, 36, 1),
    ("warmup_stable_decay", {"num_decay_steps": 14, "decay_type": "linear", "min_lr_ratio": 0.1}, 1e-3, 0.1, 40, 1),
    ("warmup_stable_decay", {"num_decay_steps": 12, "decay_type": "1-sqrt", "warmup_type": "cosine"}, 1e-4, 8, 38, 1),
    ("warmup_stable_decay", {"num_decay_steps": 9, "num_stable_steps": 11, "warmup_type": "1-sqrt", "min_lr_ratio": 0.05}, 2e-4, 7, 33, 1),
    ("warmup_stable_decay", {"num_decay_steps": 20, "num_cycles": 1.5}, 5e-4, 0, 30, 1),
    ("warmup_stable_decay", {"num_decay_steps": 30}, 5e-4, 6, 25, 1),  # longer than the run
]


def rates(kind, kwargs, rate, warmup, steps, stride):
    args = TrainingArguments(output_dir=tempfile.mkdtemp(), learning_rate=rate, warmup_steps=warmup, use_cpu=True,
                             report_to=[], lr_scheduler_type=kind, lr_scheduler_kwargs=kwargs)
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=args.learning_rate)
    scheduler = get_scheduler(args.lr_scheduler_type, optimizer, args.get_warmup_steps(steps), steps,
                              args.lr_scheduler_kwargs)
    for k in range(steps):
        if k % stride == 0 or k == steps - 1:
            yield scheduler.get_last_lr()[0]
        optimizer.step()
        if k < steps - 1:
            scheduler.step()


for run in RUNS:
    keys = ("lr_scheduler_type", "lr_scheduler_kwargs", "learning_rate", "warmup_steps", "steps", "stride")
    print(json.dumps({**dict(zip(keys, run)), "rates": list(rates(*run))}))
