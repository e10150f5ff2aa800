package compute

import "fmt"

// Names of the ways to multiply by frozen weights, as settings have them.
const (
	ModeAuto = "auto" // bf16 or f32, whichever the processor is faster at
	ModeF32  = "f32"  // weights as stored, float32
	ModeBF16 = "bf16" // both factors rounded to bfloat16, sums in float32
	ModeInt8 = "int8" // Int8 weights times rows rounded to eight bits, exact sums; blocks and NF4 in codes
)

// Modes lists them.
func Modes() []string { return []string{ModeAuto, ModeF32, ModeBF16, ModeInt8} }

// Names of the ways to keep frozen weights, as settings and files have them.
const (
	NotQuantized = "none" // as stored
	QuantizeInt8 = "int8" // Int8Weights
	QuantizeNF4  = "nf4"  // NF4Weights
)

// Quantizations lists them.
func Quantizations() []string { return []string{NotQuantized, QuantizeInt8, QuantizeNF4} }

// ParseQuantization returns the element type that a name of Quantizations stands for: stored for "none" and "".
func ParseQuantization(name string, stored DType) (DType, error) {
	switch name {
	case "", NotQuantized:
		return stored, nil
	case QuantizeInt8:
		return Int8, nil
	case QuantizeNF4:
		return NF4, nil
	}
	return 0, fmt.Errorf("unknown quantization %q, want none, int8 or nf4", name)
}

// Quantization returns the name of Quantizations for a type, "none" if it is not quantized.
func (t DType) Quantization() string {
	switch t {
	case Int8:
		return QuantizeInt8
	case NF4:
		return QuantizeNF4
	}
	return NotQuantized
}

// ResolveMode returns mode, or f32 where auto must not be bf16: for weights that are not stored so, and for quantized
// ones that a model decodes with, which products of one row would open for bfloat16 each time.
func ResolveMode(mode, quantization string, stored DType, decodes bool) string {
	quantized := quantization != "" && quantization != NotQuantized
	if (mode == "" || mode == ModeAuto) && (stored != BF16 || decodes && quantized) {
		return ModeF32
	}
	return mode
}

// ResolveQuantization returns how weights are kept: as quantization says, and where it says none, in int8 for
// products of mode int8, unless they are stored in blocks.
func ResolveQuantization(mode, quantization string, stored DType) string {
	_, blocks := stored.Block()
	switch {
	case quantization != "" && quantization != NotQuantized:
		return quantization
	case mode == ModeInt8 && !blocks:
		return QuantizeInt8
	}
	return NotQuantized
}
