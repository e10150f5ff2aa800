package plan

import (
	"fettle/adapter"
	"fettle/internal/machine"
	"fettle/model"
	"fettle/train"
)

// Answering describes models of one base that answer.
type Answering struct {
	Base
	Compute, Quantized string // as train.Config has them
	Adapters           []adapter.Method
	Sessions           int // that keep keys and values
}

// Answers adds up the memory of models that answer, with sequences of so many tokens in every session, or as many as a
// base has positions.
func Answers(all []Answering, tokens int) Memory {
	const float = 4
	var m Memory
	for _, a := range all {
		n := min(tokens, a.Config.MaxPositions)
		session, calls := model.Decoding(a.Config, n)
		rows := calls.Longest
		m.Activations += int64(a.Sessions) * session
		c := train.Config{Compute: a.Compute, Quantized: a.Quantized}
		calls.Type = projection(c, a.Base, model.Site{At: model.QProj})
		m.Weights += weights(c, a.Base)
		m.Scratch += a.Device.Scratch(calls)
		for _, method := range a.Adapters {
			method = adapter.Resolved(method, a.Config)
			specs, err := method.Params(a.Config)
			if err != nil || method.Check(a.Config) != nil {
				continue // loading says why
			}
			m.Trainable += 2 * float * int64(adapter.Count(specs)) // and their gradients
			m.Weights += replaced(a.Base, specs)
			m.Modules += method.Scratch(a.Config, rows, 1, 0)
		}
	}
	m.Program = program + (m.Trainable+m.Activations+m.Modules)*GCPercent/100
	return m
}

// Need returns what a run or model with an estimate takes of the limits of a process.
func (m Memory) Need(bases ...Base) machine.Need {
	const alignment = 2 << 20 // of arrays of the device that are as large
	n := machine.Need{Resident: m.Total(), Spare: m.Scratch, Others: m.Others}
	for _, b := range bases {
		n.Mapped += b.Mapped
		for _, p := range model.Projections() {
			if rows, columns := b.Config.Width(p); b.Device.Kept(rows, columns, b.Stored) >= alignment {
				n.Spare += alignment * int64(b.Config.Layers)
			}
		}
	}
	return n
}

// Mapped returns the bytes of the tensors of a model on disk.
func Mapped(s *model.Source) (bytes int64) {
	for _, t := range s.Tensors {
		bytes += int64(t.Size())
	}
	return bytes
}
