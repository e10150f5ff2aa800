package adapter

import (
	"errors"
	"fmt"

	"gorgonia.org/tensor"

	"fettle/internal/compute"
)

// engine is tensor's standard engine with the matrix products and the softmax of a Device. It takes float32
// matrices alone, contiguous by rows or by columns, and returns an error for anything else.
type engine struct {
	tensor.StdEng
	dev compute.Device
}

// MatMul computes c = a·b with a (m, k), b (k, n), c (m, n), each of them by rows or by columns. gorgonia.Mul
// and its derivatives call it.
func (e engine) MatMul(a, b, c tensor.Tensor) error {
	x, err := matrixOf(a)
	if err != nil {
		return err
	}
	y, err := matrixOf(b)
	if err != nil {
		return err
	}
	z, err := matrixOf(c)
	if err != nil {
		return err
	}
	if x.cols != y.rows || z.rows != x.rows || z.cols != y.cols {
		return fmt.Errorf("product of (%d, %d) and (%d, %d) into (%d, %d)", x.rows, x.cols, y.rows, y.cols, z.rows, z.cols)
	}
	if z.byColumns { // cᵀ = bᵀ·aᵀ
		x, y, z = y.transpose(), x.transpose(), z.transpose()
	}
	e.dev.Gemm(x.byColumns, y.byColumns, x.rows, y.cols, x.cols, 1, x.data, x.ld, y.data, y.ld, 0, z.data, z.ld)
	return nil
}

// SoftMax computes the softmax of every row of x into the tensor that the options name.
func (e engine) SoftMax(x tensor.Tensor, axis int, opts ...tensor.FuncOpt) (tensor.Tensor, error) {
	y := tensor.ParseFuncOpts(opts...).Reuse()
	return y, e.rowwise(axis, func(m []matrix) {
		e.dev.Copy(m[1].data, m[0].data)
		e.dev.Softmax(m[1].data, m[1].cols)
	}, x, y)
}

// SoftMaxB computes the gradient of SoftMax's x, given its result p and the gradient of that.
func (e engine) SoftMaxB(p, dp tensor.Tensor, axis int, opts ...tensor.FuncOpt) (tensor.Tensor, error) {
	dx := tensor.ParseFuncOpts(opts...).Reuse()
	return dx, e.rowwise(axis, func(m []matrix) {
		e.dev.Zero(m[2].data)
		e.dev.SoftmaxBackward(m[2].data, m[1].data, m[0].data, m[0].cols)
	}, p, dp, dx)
}

// rowwise calls f with matrices of one shape, all by rows.
func (e engine) rowwise(axis int, f func(m []matrix), all ...tensor.Tensor) error {
	m := make([]matrix, len(all))
	for i, t := range all {
		var err error
		if m[i], err = matrixOf(t); err != nil {
			return err
		}
		if axis != 1 || m[i].byColumns || m[i].rows != m[0].rows || m[i].cols != m[0].cols {
			return errors.New("softmax takes matrices of one shape by rows, along axis 1")
		}
	}
	f(m)
	return nil
}

// matrix is the contiguous float32 matrix in a tensor: element (i, j) is data[i·ld+j], or data[j·ld+i] by columns.
type matrix struct {
	rows, cols, ld int
	byColumns      bool
	data           []float32
}

func (m matrix) transpose() matrix {
	return matrix{m.cols, m.rows, m.ld, !m.byColumns, m.data}
}

// matrixOf reads the layout of a tensor.
func matrixOf(t tensor.Tensor) (matrix, error) {
	d, ok := t.(*tensor.Dense)
	if !ok || d.Dtype() != tensor.Float32 || d.Dims() != 2 {
		return matrix{}, fmt.Errorf("%T %v of %v is not a float32 matrix", t, t.Shape(), t.Dtype())
	}
	shape, strides := d.Shape(), d.Strides()
	if len(strides) != 2 { // tensor takes (1, 1) for a scalar
		strides = []int{shape[1], 1}
	}
	m := matrix{rows: shape[0], cols: shape[1], data: d.Float32s()}
	switch {
	case (strides[0] == m.cols || m.rows == 1) && (strides[1] == 1 || m.cols == 1):
		m.ld = m.cols
	case (strides[1] == m.rows || m.cols == 1) && (strides[0] == 1 || m.rows == 1):
		m.ld, m.byColumns = m.rows, true
	default:
		return matrix{}, fmt.Errorf("matrix %v with strides %v is not contiguous", shape, strides)
	}
	if len(m.data) != m.rows*m.cols {
		return matrix{}, fmt.Errorf("matrix %v with strides %v lies in %d elements", shape, strides, len(m.data))
	}
	return m, nil
}
