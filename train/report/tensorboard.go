// Package report writes the records of a run: metrics.jsonl, trainer_state.json, TensorBoard's event file, report.html
// and the progress line.
package report

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// TensorBoardFile is the path of a run's event file in its output directory.
const TensorBoardFile = "tensorboard/events.out.tfevents.0.fettle"

// events is a TensorBoard event file. Each record is a length, the checksum of the length, an Event message and its
// checksum.
type events struct {
	bytes.Buffer
	table *crc32.Table
}

// TensorBoard encodes a run's log with the tags of Hugging Face's trainer. The same log and starting time in Unix
// seconds give the same bytes.
func TensorBoard(h History, started float64) []byte {
	e := &events{table: crc32.MakeTable(crc32.Castagnoli)}
	e.record(protowire.AppendString(protowire.AppendTag(event(started, 0), 3, protowire.BytesType), "brain.Event:2"))
	evals := h.Evals
	for _, s := range h.Steps {
		for len(evals) > 0 && evals[0].Step < s.Step {
			e.eval(started, evals[0])
			evals = evals[1:]
		}
		e.scalars(started+s.ElapsedSeconds, s.Step,
			scalar{"train/loss", s.Loss}, scalar{"train/grad_norm", s.GradNorm},
			scalar{"train/learning_rate", s.LearningRate}, scalar{"train/epoch", s.Epoch})
	}
	for _, v := range evals {
		e.eval(started, v)
	}
	for _, s := range h.Samples {
		e.text(started+s.ElapsedSeconds, s.Step, "sample/"+s.Prompt, s.Sample)
	}
	return e.Bytes()
}

// event begins an Event message: wall_time and step.
func event(wall float64, step int) []byte {
	b := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(wall))
	return protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(step))
}

func (e *events) eval(started float64, v EvalRow) {
	e.scalars(started+v.ElapsedSeconds, v.Step, scalar{"eval/loss", v.EvalLoss})
}

type scalar struct {
	tag   string
	value float64
}

// scalars records values of a step in one event.
func (e *events) scalars(wall float64, step int, values ...scalar) {
	var summary []byte
	for _, s := range values {
		v := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), s.tag)
		v = protowire.AppendTag(v, 2, protowire.Fixed32Type)
		v = protowire.AppendFixed32(v, math.Float32bits(float32(s.value)))
		summary = protowire.AppendBytes(protowire.AppendTag(summary, 1, protowire.BytesType), v)
	}
	e.record(protowire.AppendBytes(protowire.AppendTag(event(wall, step), 5, protowire.BytesType), summary))
}

// text records a text under a tag for TensorBoard's text plugin: a tensor of one string.
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

// record appends a message with its length and checksums.
func (e *events) record(message []byte) {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(message)))
	e.Write(length)
	binary.Write(e, binary.LittleEndian, e.mask(length))
	e.Write(message)
	binary.Write(e, binary.LittleEndian, e.mask(message))
}

// mask returns the checksum as TFRecord stores it: CRC-32C, rotated by 15 bits, plus a constant.
func (e *events) mask(data []byte) uint32 {
	c := crc32.Checksum(data, e.table)
	return (c>>15 | c<<17) + 0xa282ead8
}
