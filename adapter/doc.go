// Package adapter holds the methods of tuning: their settings, formulas, gradients and files.
//
// Methods is the table of them. A method is a value whose fields are its settings; it lists its parameters, puts deltas
// on the sites of a model, and knows PEFT's file. Another method is another file, and another line of the table.
//
// Gorgonia differentiates. A module's backward pass is an expression of Gorgonia's own nodes (Mul, Transpose,
// HadamardProd, SoftMax, Tanh) for one sequence, every derivative is Gorgonia's (Backpropagate), and tensor computes
// the operations; its engine has the products and the softmax done by the Device. There is no custom operation and no
// derivative by hand. What stands outside of the graphs:
//
//   - The order of the operations and their memory (graph.go): a TapeMachine allocates every value in every run.
//   - Sums of gradients over sequences and heads, and dropout, which is its own derivative: they are the Device's.
//   - The forward pass, which decoding runs too: a few calls of the Device, held equal to the expressions by a test.
//   - The projections of LLaMA-Adapter's prompts by frozen weights: the model's linear maps, once a step.
package adapter
