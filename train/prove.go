package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"fettle/internal/readfile"
)

// Steps of ProveResume, and the one after which it stops.
const (
	proofSteps = 4
	proofStop  = 2
)

// ProofSteps is the number of steps that ProveResume makes in all.
const ProofSteps = 2 * proofSteps

// ProveResume runs a few steps without an interruption, and the same steps with one, below dir, and returns an error
// unless both save the same bits. fresh returns the same job every time, as the first command of a run does. done is
// told how many of ProofSteps are done.
func ProveResume(ctx context.Context, c Config, dir string, fresh func() (Job, error), done func(steps int)) error {
	c = c.short()
	all := 0
	whole, parts := filepath.Join(dir, "whole"), filepath.Join(dir, "parts")
	once := func(ctx context.Context, to string, after func(step int)) error {
		job, err := fresh()
		if err != nil {
			return err
		}
		steps := 0
		job.Evaluation, job.Settings, job.Sample = nil, nil, nil
		job.Status = func(...string) {
			steps, all = steps+1, all+1
			done(all)
			after(steps)
		}
		c := c
		c.OutputDir = to
		_, err = Run(ctx, c, job)
		return err
	}
	if err := once(ctx, whole, func(int) {}); err != nil {
		return err
	}
	stopping, stop := context.WithCancel(ctx)
	defer stop()
	err := once(stopping, parts, func(step int) {
		if step == proofStop {
			stop()
		}
	})
	if !errors.Is(err, ErrStopped) || ctx.Err() != nil {
		return errors.Join(fmt.Errorf("a run that was told to stop did not"), err, ctx.Err())
	}
	continued := 0
	if err := once(ctx, parts, func(step int) { continued = step }); err != nil {
		return err
	}
	if continued != proofSteps-proofStop {
		return fmt.Errorf("stopped after step %d of %d, the run continued with %d steps", proofStop, proofSteps, continued)
	}
	return sameTensors(whole, parts)
}

// short returns the settings of a run of a few steps without evaluations.
func (c Config) short() Config {
	c.MaxSteps, c.SaveSteps, c.SavesEpoch, c.EvalSteps, c.EvalsEpoch = proofSteps, 0, 0, 0, 0
	c.Patience, c.LoadBest, c.Resume, c.SamplePrompts = 0, false, "auto", nil
	if _, err := newSchedule(c, proofSteps); err != nil { // for more steps than these
		c.Schedule, c.ScheduleArgs, c.WarmupSteps, c.WarmupRatio = "constant", nil, 0, 0
	}
	return c
}

// sameTensors returns an error unless both directories have the same files of tensors, bit by bit.
func sameTensors(a, b string) error {
	found := 0
	err := filepath.WalkDir(a, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".safetensors" {
			return err
		}
		found++
		name, err := filepath.Rel(a, path)
		if err != nil {
			return err
		}
		return sameFile(name, path, filepath.Join(b, name))
	})
	if err == nil && found == 0 {
		return fmt.Errorf("the run has saved no tensors")
	}
	return err
}

// sameFile compares two files piece by piece.
func sameFile(name, a, b string) error {
	x, err := readfile.Open(a)
	if err != nil {
		return err
	}
	defer x.Close()
	y, err := readfile.Open(b)
	if err != nil {
		return err
	}
	defer y.Close()
	p, q := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, errX := io.ReadFull(x, p)
		m, errY := io.ReadFull(y, q)
		if !bytes.Equal(p[:n], q[:m]) {
			return fmt.Errorf("%s differs between the run that was stopped and the one that was not", name)
		}
		if end := errors.Is(errX, io.EOF) || errors.Is(errX, io.ErrUnexpectedEOF); end || errX != nil || errY != nil {
			if end {
				return nil
			}
			return errors.Join(errX, errY)
		}
	}
}
