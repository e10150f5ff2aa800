package train

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// events is a TensorBoard event file of a run: records of length, checksum of
// the length, an Event message and its checksum.
type events struct {
	bytes.Buffer
	table *crc32.Table
}

// tensorboard writes a run's log with the tags of Hugging Face's trainer. The
// same log and starting time give the same bytes.
func tensorboard(h history, started float64) []byte {
	e := &events{table: crc32.MakeTable(crc32.Castagnoli)}
	e.record(protowire.AppendString(protowire.AppendTag(event(started, 0), 3, protowire.BytesType), "brain.Event:2"))
	evals := h.Evals
	for _, s := range h.Steps {
		for len(evals) > 0 && evals[0].Step < s.Step {
			e.scalars(started, evals[0].ElapsedSeconds, evals[0].Step, map[string]float64{"eval/loss": evals[0].EvalLoss}, "eval/loss")
			evals = evals[1:]
		}
		e.scalars(started, s.ElapsedSeconds, s.Step, map[string]float64{
			"train/loss": s.Loss, "train/grad_norm": s.GradNorm, "train/learning_rate": s.LearningRate, "train/epoch": s.Epoch,
		}, "train/loss", "train/grad_norm", "train/learning_rate", "train/epoch")
	}
	for _, v := range evals {
		e.scalars(started, v.ElapsedSeconds, v.Step, map[string]float64{"eval/loss": v.EvalLoss}, "eval/loss")
	}
	for _, s := range h.Samples {
		e.text(started+s.ElapsedSeconds, s.Step, "sample/"+s.Prompt, s.Sample)
	}
	return e.Bytes()
}

// event begins an Event: wall_time and step.
func event(wall float64, step int) []byte {
	b := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(wall))
	return protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(step))
}

// scalars records values under tags, in the order of the tags.
func (e *events) scalars(started, elapsed float64, step int, values map[string]float64, tags ...string) {
	var summary []byte
	for _, tag := range tags {
		v := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), tag)
		v = protowire.AppendFixed32(protowire.AppendTag(v, 2, protowire.Fixed32Type), math.Float32bits(float32(values[tag])))
		summary = protowire.AppendBytes(protowire.AppendTag(summary, 1, protowire.BytesType), v)
	}
	e.record(protowire.AppendBytes(protowire.AppendTag(event(started+elapsed, step), 5, protowire.BytesType), summary))
}

// text records a text under a tag, for TensorBoard's plugin of that name: a
// tensor of one string.
func (e *events) text(wall float64, step int, tag, text string) {
	field := func(b []byte, number protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
	}
	const dtString = 7
	one := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	tensor := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), dtString)
	tensor = field(tensor, 2, field(nil, 2, one)) // shape (1)
	tensor = field(tensor, 8, []byte(text))
	value := field(nil, 1, []byte(tag+"/text_summary"))
	value = field(value, 8, tensor)
	value = field(value, 9, field(nil, 1, field(nil, 1, []byte("text"))))
	e.record(field(event(wall, step), 5, field(nil, 1, value)))
}

// record frames a message.
func (e *events) record(message []byte) {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(message)))
	e.Write(length)
	binary.Write(e, binary.LittleEndian, e.mask(length))
	e.Write(message)
	binary.Write(e, binary.LittleEndian, e.mask(message))
}

// mask is the checksum as TFRecord stores it.
func (e *events) mask(data []byte) uint32 {
	c := crc32.Checksum(data, e.table)
	return (c>>15 | c<<17) + 0xa282ead8
}
