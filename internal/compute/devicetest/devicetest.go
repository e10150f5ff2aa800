// Package devicetest compares a compute.Device with a plain one: in tests, and on a user's machine, whose processor or
// memory may be at fault.
package devicetest

import (
	"fmt"
	"math"

	"fettle/internal/compute"
)

// exact bounds the differences of operations other than products of frozen matrices, relative to the largest element
// of the result.
const exact = 2e-5

// Kind sorts cases by how far a device may be from its judge.
type Kind uint8

// Kinds of cases.
const (
	Exact     Kind = iota // arithmetic in float32
	Bits                  // in a given order: no difference at all
	Product               // of a frozen matrix
	Loss                  // a product of a product
	Attention             // products of products too
)

// Case makes one call of one operation on fixed, seeded inputs.
type Case struct {
	Name string
	Kind Kind
	Run  func(dev compute.Device) [][]float32
}

// Judge holds the plain device to compare with, and the bounds on differences of products, losses and attention,
// relative to the largest element of the result.
type Judge struct {
	compute.Device
	Product, Loss float64
	Attention     float64 // 0: as of float32
}

// Run compares dev with the judge on every case, and checks that rows are independent and that NaN and infinities
// propagate.
func Run(dev compute.Device, judge Judge) error {
	if err := NewExam(Cases(), judge).Pass(dev); err != nil {
		return err
	}
	for _, property := range []struct {
		name string
		of   func(compute.Device) error
	}{{"rows stand alone", rowsStandAlone}, {"not finite", notFinite}, {"short slices", shortSlices}} {
		if err := property.of(dev); err != nil {
			return fmt.Errorf("%s: %w", property.name, err)
		}
	}
	return nil
}

// Exam holds cases with the answers of a judge.
type Exam struct {
	judge Judge
	cases []Case
	want  [][][]float32
}

// NewExam asks the judge.
func NewExam(cases []Case, judge Judge) *Exam {
	e := &Exam{judge: judge, cases: cases}
	for _, c := range cases {
		e.want = append(e.want, c.Run(judge))
	}
	return e
}

// Pass returns an error for the first case in which dev differs from the judge by more than its bounds.
func (e *Exam) Pass(dev compute.Device) error {
	limits := []float64{Exact: exact, Bits: 0, Product: e.judge.Product, Loss: e.judge.Loss}
	limits = append(limits, max(exact, e.judge.Attention))
	for i, c := range e.cases {
		for j, got := range c.Run(dev) {
			if err := near(e.want[i][j], got, limits[c.Kind], c.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// SameBits returns an error unless two devices agree on every case to the last bit.
func SameBits(a, b compute.Device) error {
	for _, c := range Cases() {
		x, y := c.Run(a), c.Run(b)
		for i := range x {
			if err := sameBits(x[i], y[i], c.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// near returns an error unless |want−got| ≤ limit·max|want| everywhere.
func near(want, got []float32, limit float64, what string) error {
	var top float64
	for _, v := range want {
		top = math.Max(top, math.Abs(float64(v)))
	}
	for i := range want {
		if diff := math.Abs(float64(want[i]) - float64(got[i])); !(diff <= limit*top) {
			return fmt.Errorf("%s: element %d of %d: got %g, want %g ± %g", what, i, len(want), got[i], want[i], limit*top)
		}
	}
	return nil
}

// sameBits returns an error unless all elements are equal to the last bit.
func sameBits(want, got []float32, what string) error {
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			return fmt.Errorf("%s: element %d of %d: got %g, want the same bits as of %g", what, i, len(want), got[i], want[i])
		}
	}
	return nil
}
