package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/human"
	"fettle/internal/selftest"
)

// SelfTest adds whether this machine computes what it should. now is told what is being checked. An interrupted test
// adds nothing.
func (r *Report) SelfTest(ctx context.Context, now func(what string)) {
	r.Begin("Self-test")
	levels := kernel.Levels()
	for _, test := range []struct {
		name, fine string
		run        func() error
	}{
		{"kernels", fmt.Sprintf("%s (%s) compute what plain loops compute", human.Plural(len(levels), "level"),
			namesOf(levels)), func() error {
			return selftest.Kernels(ctx, func(a selftest.Arithmetic) { now("kernels " + a.String()) })
		}},
		{"built-in model", "its logits and losses, of two steps of LoRA and of LLaMA-Adapter too, are those of the machine " +
			"that they were made on", func() error {
			return selftest.Model(ctx, func(device string) { now("the built-in model on " + device) })
		}},
	} {
		began := time.Now()
		err := test.run()
		switch {
		case errors.Is(err, context.Canceled):
			return
		case err != nil:
			r.Problem(test.name, fmt.Errorf("%w: %w", ErrComputes, err), adviceOf(err))
		default:
			r.OK(test.name, "%s, %s", test.fine, Brief(time.Since(began)))
		}
	}
}

// adviceOf says what helps against wrong numbers.
func adviceOf(err error) string {
	advice := "train nothing on it: test its memory, update its firmware and microcode, run this again"
	if !strings.Contains(err.Error(), "plain") {
		advice += "; if FETTLE_CPU=plain passes every time, report it as a bug of the kernels"
	}
	return advice
}
