#!/usr/bin/env python3
"""The time of a training step over R ranks, and the table of docs/SCALING.md that follows from it.

    step(R) = 4·P·T / (S·min(R, n)) · i + (1 + p)·G/B · (R−1)/R + 2·⌈log2 R⌉·L + R·m

P parameters of the base, T tokens of a step in n sequences, S operations a second of a rank, i its imbalance (the rank
with the most tokens over the mean), G bytes of gradients (4 for each parameter of the adapter), p parts of a rank's sum (1
where its sequences are a node of the tree), B bytes a second that a network card sends, L the latency of a message and m
the cost of one more peer. Forward and backward passes take 2·P·T each: frozen weights have no gradient of their own.
"""
import math
import sys

L, m = 50e-6, 20e-6


def step(P, T, n, S, G, B, R, i=1.0, p=1):
    compute = 4 * P * T / (S * min(R, n)) * i
    return compute, 0 if R == 1 else (1 + p) * G / B * (R - 1) / R + 2 * math.ceil(math.log2(R)) * L + R * m


def table(S=1e12):
    print("| base, LoRA 16 on all projections | tokens (sequences) of a step | 1 rank | Gbit/s | " +
          " | ".join(f"{R:,}" for R in RANKS) + " | exchange takes a tenth from |")
    print("| --- " * (5 + len(RANKS)) + "|")
    for name, P, lora in (("7B", 6.74e9, 40.0e6), ("13B", 13.0e9, 62.6e6), ("65B", 65.2e9, 199.9e6)):
        for T in (8192, 65536):
            for gbit in (1, 10, 100):
                n, B = T // 256, gbit * 1e9 / 8 * 0.9
                one = 4 * P * T / S
                ups = []
                for R in RANKS:
                    compute, exchange = step(P, T, n, S, 4 * lora, B, R)
                    ups.append(f"{one / (compute + exchange):.3g}")
                tenth = next((R for R in range(2, n + 1) if step(P, T, n, S, 4 * lora, B, R)[1] >
                              0.1 * sum(step(P, T, n, S, 4 * lora, B, R))), None)
                print(f"| {name} | {T:,} ({n:,}) | {one:,.0f} s | {gbit} | " + " | ".join(ups) +
                      f" | {f'{tenth:,} ranks' if tenth else 'more than sequences'} |")


RANKS = (2, 4, 8, 16, 64, 256, 1000)
if __name__ == "__main__":
    table(float(sys.argv[1]) if len(sys.argv) > 1 else 1e12)
