// Package adapter holds the methods of tuning: their settings, formulas, gradients and files.
//
// Methods is the table of them. A method is a value whose fields are its settings; it lists its parameters, puts deltas
// on the sites of a model, and codes PEFT's file. A new method takes one file and one line of the table.
//
// Gorgonia differentiates. The backward pass of LoRA and of zero-init attention is an expression of native Gorgonia
// nodes (Mul, Transpose, HadamardProd, SoftMax, Tanh) for one sequence; every derivative is Gorgonia's own
// (Backpropagate), and tensor computes the operations, with an engine that passes products and softmax to the Device;
// elementwise operations, on arrays of rank or prompt width, are tensor's own.
// There are no custom operations. Computed outside of the graphs:
//
//   - The forward pass, which decoding runs too, by a few calls of the Device: decoding needs no graph. A test holds it
//     equal to the expressions.
//   - Sums of gradients over sequences and heads, in a fixed order, and dropout, whose derivative is itself.
//   - The projections of LLaMA-Adapter's prompts by frozen weights, once a step: linear maps of the Device.
//
// The operations run one after the other in preallocated memory (graph.go), without Gorgonia's TapeMachine, which
// allocates every value anew in every run and computes some operations in place of values that are still needed.
package adapter
