// Package selftest checks the machine that the program runs on: its kernels against the plain device, and the built-in
// model's numbers against those of another machine. A processor, memory or operating system at fault fails it.
package selftest

import (
	"context"
	"fmt"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/compute/devicetest"
	"fettle/internal/compute/ref"
)

// Arithmetic is one way in which this machine can compute: the kernels of a level in a mode of products.
type Arithmetic struct {
	Level kernel.Level
	Mode  string // f32, bf16 or int8
}

// Arithmetics lists all of them, those of the best level first.
func Arithmetics() (all []Arithmetic) {
	for _, l := range kernel.Levels() {
		for _, mode := range []string{compute.ModeF32, compute.ModeBF16, compute.ModeInt8} {
			all = append(all, Arithmetic{l, mode})
		}
	}
	return all
}

func (a Arithmetic) String() string { return a.Level.Name + " " + a.Mode }

// Judge returns the plain device that computes the same, and how far the fast one may be from it.
func (a Arithmetic) Judge() devicetest.Judge {
	pairs := devicetest.Judge{Device: ref.NewBF16(), Product: 1e-5, Loss: 4e-3}
	if a.Level.AMX != nil {
		pairs.Device, pairs.Product, pairs.Attention = ref.NewAMX(), 0, 1e-2
	}
	switch rest := ref.New(); a.Mode {
	case compute.ModeBF16:
		return pairs
	case compute.ModeInt8:
		if a.Level.Auto {
			rest = pairs.Device
		}
		return devicetest.Judge{Device: ref.NewInt8(rest), Product: 1e-5, Loss: 4e-3, Attention: pairs.Attention}
	default:
		return devicetest.Judge{Device: rest, Product: 1e-5, Loss: 1e-5}
	}
}

// judge tells arithmetics apart whose judges differ.
func (a Arithmetic) judge() string {
	pairs := a.Mode == compute.ModeBF16 || a.Mode == compute.ModeInt8 && a.Level.Auto
	return fmt.Sprint(a.Mode, pairs, pairs && a.Level.AMX != nil)
}

// Kernels compares the kernels of every level of this machine with the plain device, about a fifth of a second for each
// arithmetic, and returns an error for the first that computes something else. begun is told of each before it.
func Kernels(ctx context.Context, begun func(Arithmetic)) error {
	e := NewExaminer()
	for _, a := range Arithmetics() {
		begun(a)
		if err := ctx.Err(); err != nil {
			return err
		}
		dev, err := cpu.New(cpu.Options{Compute: a.Mode, Level: a.Level.Name, Stored: true})
		if err != nil {
			return err
		}
		if err := e.Examine(dev, a); err != nil {
			return err
		}
	}
	return nil
}

// Examiner compares devices with their judges, each of which it asks once.
type Examiner struct {
	cases []devicetest.Case
	exams map[string]*devicetest.Exam
}

// NewExaminer returns an examiner with the quick cases of the suite that every device passes in tests.
func NewExaminer() *Examiner {
	return &Examiner{cases: devicetest.Quick(), exams: map[string]*devicetest.Exam{}}
}

// Examine returns an error if dev, whose arithmetic is a, differs from its judge.
func (e *Examiner) Examine(dev compute.Device, a Arithmetic) error {
	exam := e.exams[a.judge()]
	if exam == nil {
		exam = devicetest.NewExam(e.cases, a.Judge())
		e.exams[a.judge()] = exam
	}
	if err := exam.Pass(dev); err != nil {
		return fmt.Errorf("kernels %s: %w", a, err)
	}
	return nil
}
