package selftest

import (
	"context"
	"fmt"

	"fettle/internal/builtin"
	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/compute/ref"
	"fettle/model"
)

// Model compares the built-in model's numbers on the plain device with those in golden.json, and then those of the
// best kernels in every mode, and of the others in float32. It returns an error for the first that differ. begun is
// told the name of each device before it.
func Model(ctx context.Context, begun func(device string)) error {
	dir, err := builtin.Dir()
	if err != nil {
		return err
	}
	return modelAt(ctx, dir, begun)
}

// modelAt is Model for the files in a directory.
func modelAt(ctx context.Context, dir string, begun func(device string)) error {
	want, err := Golden()
	if err != nil {
		return err
	}
	check := func(dev compute.Device, mode string) error {
		begun(dev.Name())
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := model.LoadAs(dir, dev, compute.ResolveQuantization(mode, compute.NotQuantized, compute.BF16))
		if err != nil {
			return err
		}
		if sum := m.Content(); sum != want.Weights {
			return fmt.Errorf("the built-in model's weights are not its own: SHA-256 %.12s, want %.12s", sum, want.Weights)
		}
		got, err := NumbersOf(m, want.Tokens)
		if err != nil {
			return err
		}
		if err := want.Compare(got, Tolerance(mode)); err != nil {
			return fmt.Errorf("the built-in model on %s: %w", dev.Name(), err)
		}
		return nil
	}
	if err := check(ref.New(), ""); err != nil {
		return err
	}
	best := kernel.Levels()[0].Name
	for _, a := range Arithmetics() {
		if a.Mode != compute.ModeF32 && a.Level.Name != best {
			continue
		}
		dev, err := cpu.New(cpu.Options{Compute: a.Mode, Level: a.Level.Name})
		if err != nil {
			return err
		}
		if err := check(dev, a.Mode); err != nil {
			return err
		}
	}
	return nil
}
