package pth

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"

	"fettle/internal/checkpoint"
)

// storage is an array of elements that tensors are windows into.
type storage struct {
	dtype    checkpoint.Type
	elements uint64
	data     []byte // elements of dtype; nil while the file's own order has not come to it
	key      string
}

// tensor is a window into a storage. Element (i, j, …) is element offset + i·stride[0] + j·stride[1] + … of it.
type tensor struct {
	of          *storage
	offset      uint64
	size        []int
	stride      []uint64
	bytesCopied *uint64
}

// storageTypes maps PyTorch's classes of storages to element types.
var storageTypes = map[string]checkpoint.Type{
	"DoubleStorage": checkpoint.F64, "FloatStorage": checkpoint.F32, "HalfStorage": checkpoint.F16,
	"BFloat16Storage": checkpoint.BF16, "LongStorage": checkpoint.I64, "IntStorage": checkpoint.I32,
	"ShortStorage": checkpoint.I16, "CharStorage": checkpoint.I8, "ByteStorage": checkpoint.U8,
	"BoolStorage": checkpoint.Bool, "Float8_e4m3fnStorage": checkpoint.F8E4M3, "Float8_e5m2Storage": checkpoint.F8E5M2,
}

// apply is the result of the functions that files of tensors call: tensors, ordered dicts, and descriptions that no
// tensor depends on. Every other name is refused.
func (f *File) apply(fn global, args tuple) (any, error) {
	switch fn.module + "." + fn.name {
	case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor":
		return f.tensor(args)
	case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
		if len(args) > 0 {
			return args[0], nil
		}
	case "collections.OrderedDict":
		return f.orderedDict(args)
	case "torch.device", "torch.Size", "builtins.set", "__builtin__.set", "argparse.Namespace":
		return inert{}, nil
	}
	return nil, fmt.Errorf("the file calls %s.%s, which is not allowed: it could run code", fn.module, fn.name)
}

// orderedDict makes a dict of a list of pairs, or an empty one.
func (f *File) orderedDict(args tuple) (*dict, error) {
	d := &dict{}
	if len(args) == 0 {
		return d, nil
	}
	pairs, ok := args[0].(*list)
	if !ok {
		return nil, errors.New("an OrderedDict is not made of pairs")
	}
	if f.pairs += len(pairs.items); f.pairs > maxSteps {
		return nil, errSteps
	}
	for _, p := range pairs.items {
		var pair []any
		switch p := p.(type) {
		case tuple:
			pair = p
		case *list:
			pair = p.items
		}
		if len(pair) != 2 {
			return nil, errors.New("an OrderedDict is not made of pairs")
		}
		d.keys, d.values = append(d.keys, pair[0]), append(d.values, pair[1])
	}
	return d, nil
}

// tensor checks the arguments (storage, offset, size, stride, …) of a tensor.
func (f *File) tensor(args tuple) (any, error) {
	if len(args) < 4 {
		return nil, errors.New("a tensor without storage, offset, size and stride")
	}
	of, isStorage := args[0].(*storage)
	offset, isNumber := args[1].(int64)
	size, isSize := args[2].(tuple)
	stride, isStride := args[3].(tuple)
	if !isStorage || !isNumber || !isSize || !isStride || offset < 0 || len(size) != len(stride) {
		return nil, errors.New("a tensor without storage, offset, size and stride")
	}
	t := &tensor{of: of, offset: uint64(offset), bytesCopied: &f.copied}
	elements, last, overflow := uint64(1), uint64(offset), uint64(0)
	if len(size) > 16 {
		return nil, fmt.Errorf("a tensor of %d dimensions", len(size))
	}
	for i := range size {
		n, ok1 := size[i].(int64)
		s, ok2 := stride[i].(int64)
		if !ok1 || !ok2 || n < 0 || s < 0 || n > math.MaxInt32 || s > 1<<48 {
			return nil, fmt.Errorf("a tensor whose dimension %d has no size from 0 to %d or no stride from 0 to %d", i,
				math.MaxInt32, 1<<48)
		}
		t.size, t.stride = append(t.size, int(n)), append(t.stride, uint64(s))
		hi, lo := bits.Mul64(elements, uint64(n))
		if hi != 0 {
			return nil, fmt.Errorf("a tensor of size %v", t.size)
		}
		if elements = lo; n > 0 {
			hi, step := bits.Mul64(uint64(n-1), uint64(s))
			sum, carry := bits.Add64(last, step, 0)
			last, overflow = sum, overflow|hi|carry
		}
	}
	if elements > 0 && (overflow > 0 || last >= of.elements || elements > of.elements) {
		return nil, fmt.Errorf("a tensor of size %v and stride %v at %d is larger than its storage of %d elements", t.size,
			t.stride, offset, of.elements)
	}
	return t, nil
}

// contiguous reports whether the elements lie row by row without gaps.
func (t *tensor) contiguous() bool {
	want := uint64(1)
	for i := len(t.size) - 1; i >= 0; i-- {
		if t.size[i] != 1 && t.stride[i] != want {
			return false
		}
		want *= uint64(t.size[i])
	}
	return true
}

// elements counts them.
func (t *tensor) elements() uint64 {
	n := uint64(1)
	for _, d := range t.size {
		n *= uint64(d)
	}
	return n
}

// named returns the tensor: a window into the file where its elements are contiguous, else a copy.
func (t *tensor) named(name string, limit uint64) (checkpoint.Tensor, error) {
	out := checkpoint.Tensor{Name: strings.Clone(name), Type: t.of.dtype, Shape: t.size}
	width := uint64(t.of.dtype.BlockBytes())
	n := t.elements()
	switch {
	case n == 0:
	case t.contiguous():
		out.Data = t.of.data[t.offset*width:][: n*width : n*width]
	default:
		if *t.bytesCopied += n * width; *t.bytesCopied > limit {
			return out, fmt.Errorf("tensor %s: the file has too many transposed views", name)
		}
		out.Data, out.Own = make([]byte, 0, n*width), true
		t.visit(0, t.offset, func(at uint64) { out.Data = append(out.Data, t.of.data[at*width:][:width]...) })
	}
	return out, out.Check()
}

// visit calls f with the index of every element, row by row.
func (t *tensor) visit(dim int, at uint64, f func(at uint64)) {
	if dim == len(t.size) {
		f(at)
		return
	}
	for i := range t.size[dim] {
		t.visit(dim+1, at+uint64(i)*t.stride[dim], f)
	}
}
