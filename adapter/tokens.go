package adapter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fettle/internal/compute"
	"fettle/model"
)

// tokenRows lists the tokens whose rows of the embedding, or of the head, are trained.
type tokenRows struct {
	at   model.Site
	ids  []int
	tied bool // the rows of the embedding are those of the head, too

	only bool // the adapter has nothing else
}

// rows reads trainable_token_indices. A tied head follows the embedding, unless it has other tokens of its own.
func (s Saved) rows(c *model.Config) ([]tokenRows, error) {
	embed, head := tokenRows{at: model.EmbedSite()}, tokenRows{at: c.HeadSite()}
	for _, entry := range s.Tokens {
		rows, number := &embed, strings.TrimSpace(entry)
		if module, id, ok := strings.Cut(number, ":"); ok {
			number = strings.TrimSpace(id)
			switch {
			case endsIn(embed.at.ModuleName(), module):
			case endsIn(head.at.ModuleName(), module):
				rows = &head
			default:
				return nil, fmt.Errorf("trainable_token_indices: %q is neither embed_tokens nor lm_head", module)
			}
		}
		id, err := strconv.Atoi(number)
		if err != nil || id < 0 || id >= c.Vocab {
			return nil, fmt.Errorf("trainable_token_indices: %q is not a token of the %d of the base", entry, c.Vocab)
		}
		if slices.Contains(rows.ids, id) {
			return nil, fmt.Errorf("trainable_token_indices: token %d is there twice", id)
		}
		rows.ids = append(rows.ids, id)
	}
	if c.Tied && len(embed.ids) > 0 && (head.ids == nil || slices.Equal(embed.ids, head.ids)) {
		embed.tied, head.ids = true, nil
	}
	if c.Tied && s.Tying && len(head.ids) > 0 && len(embed.ids) > 0 {
		return nil, errors.New("trainable_token_indices: embed_tokens and lm_head have different tokens, and " +
			"ensure_weight_tying is set")
	}
	return slices.DeleteFunc([]tokenRows{embed, head}, func(r tokenRows) bool { return r.ids == nil }), nil
}

// alone returns the rows under the name that PEFT gives them where the adapter has nothing else.
func (r tokenRows) alone() tokenRows {
	r.only = true
	return r
}

func (r tokenRows) name() string {
	if r.only {
		return peftPrefix + r.at.ModuleName() + ".trainable_tokens_delta"
	}
	return peftPrefix + r.at.ModuleName() + ".token_adapter.trainable_tokens_delta"
}

func (r tokenRows) spec(c *model.Config) Spec {
	head := r.tied || r.at.At == model.Head
	spec := Spec{Name: r.name(), Site: r.at, Shape: []int{len(r.ids), c.Hidden}, Head: head}
	if r.tied { // PEFT writes it with the embeddings of a resized vocabulary
		spec.Echo = tokenRows{at: c.HeadSite(), only: r.only}.name()
	}
	return spec
}

// deltas puts the rows in the place of the base's, whose values they take.
func (s Saved) deltas(m *model.Model, p Params) (map[model.Site]model.Delta, error) {
	rows, err := s.rows(m.Config())
	deltas := map[model.Site]model.Delta{}
	for _, r := range rows {
		r.put(deltas, m, p)
	}
	return deltas, err
}

// scratch returns the memory of the rows' sums: a sequence's gradient and partial sums, and where rows are the head's
// too, the same again and another sum.
func (s Saved) scratch(c *model.Config, sums int) int64 {
	rows, _ := s.rows(c)
	floats := 0
	for _, r := range rows {
		arrays := 1 + sums
		if r.tied {
			arrays += 2 + sums
		}
		floats += arrays * len(r.ids) * c.Hidden
	}
	return 4 * int64(floats)
}

func (r tokenRows) put(deltas map[model.Site]model.Delta, m *model.Model, p Params) {
	param, index, width, dev := p[r.name()], map[int32]int32{}, m.Config().Hidden, m.Device()
	for i, id := range r.ids {
		index[int32(id)] = int32(i)
		m.Weight(r.at).Row(param.Data[i*width:][:width], id, 0)
	}
	if r.at == model.EmbedSite() {
		deltas[r.at] = &embeddedRows{dev: dev, param: param, index: index, sum: newMixed(dev, param.Grad)}
	}
	if head := m.Config().HeadSite(); r.tied || r.at == head {
		rows := &headRows{dev: dev, param: param, ids: r.ids, sum: newSum(dev, param.Grad)}
		if r.tied { // the embedding's sum is in the gradient
			rows.sum = newMixed(dev, make([]float32, len(param.Grad)))
		}
		deltas[head] = rows
	}
}

// embeddedRows replaces rows of the embedding: y[i] = rows[index[tokens[i]]], where the index has the token.
type embeddedRows struct {
	dev   compute.Device
	param *Param // (k, D)
	index map[int32]int32
	dy    []float32 // the gradients of the rows that are replaced
	leaf  []float32 // (k, D) a sequence's gradient
	sum   *sum
}

func (e *embeddedRows) sums() []*sum { return []*sum{e.sum} }

// replaced lists the places of replaced rows among n in the batch from lo on, and the rows that replace them.
func (e *embeddedRows) replaced(b *model.Batch, lo, n int) (at, rows []int32) {
	for i, token := range b.Tokens[lo : lo+n] {
		if row, ok := e.index[token]; ok {
			at, rows = append(at, int32(lo+i)), append(rows, row)
		}
	}
	return at, rows
}

// Forward replaces the rows.
func (e *embeddedRows) Forward(y, _ []float32, b *model.Batch) error {
	d := e.param.Shape[1]
	at, rows := e.replaced(b, 0, len(b.Tokens))
	for i := range at {
		e.dev.Copy(y[int(at[i])*d:][:d], e.param.Data[int(rows[i])*d:])
	}
	return nil
}

// Backward adds dy to the gradients of the rows, sequence by sequence, and takes it from the base's.
func (e *embeddedRows) Backward(_, dy, _, _ []float32, b *model.Batch) error {
	d := e.param.Shape[1]
	for i, s := range b.Segments {
		at, rows := e.replaced(b, s.Row, s.Len)
		if len(at) == 0 {
			continue
		}
		own, leaf := compute.Resize(&e.dy, len(at)*d), compute.Resize(&e.leaf, len(e.param.Data))
		e.dev.Gather(own, dy, at, d)
		e.dev.Zero(leaf)
		e.dev.ScatterAdd(leaf, own, rows, d)
		e.sum.add(b, i, leaf)
		for _, i := range at {
			e.dev.Zero(dy[int(i)*d:][:d])
		}
	}
	return nil
}

// headRows replaces rows of the head: y[:, ids[j]] = x·rows[j].
type headRows struct {
	dev   compute.Device
	param *Param // (k, D)
	ids   []int
	leaf  []float32 // (k, D) a segment's gradient
	sum   *sum
}

func (h *headRows) sums() []*sum { return []*sum{h.sum} }

// finish adds the sum to the gradient where that is the embedding's too.
func (h *headRows) finish() {
	if h.sum.mixed {
		h.dev.Add(h.param.Grad, h.sum.rows[0])
	}
}

func (h *headRows) refresh() error { return nil }

// Forward replaces the logits.
func (h *headRows) Forward(y, x []float32, b *model.Batch) error {
	n, d := len(b.Tokens), h.param.Shape[1]
	v := len(y) / n
	for j, id := range h.ids {
		h.dev.Gemm(false, true, n, 1, d, 1, x, d, h.param.Data[j*d:], d, 0, y[id:], v)
	}
	return nil
}

// Backward takes the logits' gradients from the base's rows, segment by segment.
func (h *headRows) Backward(dx, dy, x, _ []float32, b *model.Batch) error {
	d := h.param.Shape[1]
	v := len(dy) / len(b.Tokens)
	for i, s := range b.Segments {
		lo, leaf := s.Row, compute.Resize(&h.leaf, len(h.param.Data))
		for j, id := range h.ids {
			row, dlogit := h.param.Data[j*d:], dy[lo*v+id:]
			h.dev.Gemm(true, false, 1, d, s.Len, 1, dlogit, v, x[lo*d:], d, 0, leaf[j*d:], d)
			if dx != nil {
				h.dev.Gemm(false, false, s.Len, d, 1, 1, dlogit, v, row, d, 1, dx[lo*d:], d)
			}
			for i := range s.Len {
				dlogit[i*v] = 0
			}
		}
		h.sum.add(b, i, leaf)
	}
	return nil
}
