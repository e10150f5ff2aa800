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

func (r tokenRows) put(deltas map[model.Site]model.Delta, m *model.Model, p Params) {
	param, index, width := p[r.name()], map[int32]int32{}, m.Config().Hidden
	for i, id := range r.ids {
		index[int32(id)] = int32(i)
		m.Weight(r.at).Row(param.Data[i*width:][:width], id, 0)
	}
	if r.at == model.EmbedSite() {
		deltas[r.at] = &embeddedRows{m.Device(), param, index, nil}
	}
	if head := m.Config().HeadSite(); r.tied || r.at == head {
		deltas[head] = &headRows{m.Device(), param, r.ids}
	}
}

// embeddedRows replaces rows of the embedding: y[i] = rows[index[tokens[i]]], where the index has the token.
type embeddedRows struct {
	dev   compute.Device
	param *Param // (k, D)
	index map[int32]int32
	dy    []float32 // the gradients of the rows that are replaced
}

// replaced lists the places in the batch of replaced rows, and the rows that replace them.
func (e *embeddedRows) replaced(b *model.Batch) (at, rows []int32) {
	for i, token := range b.Tokens {
		if row, ok := e.index[token]; ok {
			at, rows = append(at, int32(i)), append(rows, row)
		}
	}
	return at, rows
}

// Forward replaces the rows.
func (e *embeddedRows) Forward(y, _ []float32, b *model.Batch) error {
	d := e.param.Shape[1]
	at, rows := e.replaced(b)
	for i := range at {
		e.dev.Copy(y[int(at[i])*d:][:d], e.param.Data[int(rows[i])*d:])
	}
	return nil
}

// Backward adds dy to the gradients of the rows and takes it from the base's.
func (e *embeddedRows) Backward(_, dy, _, _ []float32, b *model.Batch) error {
	d := e.param.Shape[1]
	at, rows := e.replaced(b)
	if len(at) == 0 {
		return nil
	}
	own := compute.Resize(&e.dy, len(at)*d)
	e.dev.Gather(own, dy, at, d)
	e.dev.ScatterAdd(e.param.Grad, own, rows, d)
	for _, i := range at {
		e.dev.Zero(dy[int(i)*d:][:d])
	}
	return nil
}

// headRows replaces rows of the head: y[:, ids[j]] = x·rows[j].
type headRows struct {
	dev   compute.Device
	param *Param // (k, D)
	ids   []int
}

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
	for _, s := range b.Segments {
		lo := s.Row
		for j, id := range h.ids {
			row, grad, dlogit := h.param.Data[j*d:], h.param.Grad[j*d:], dy[lo*v+id:]
			h.dev.Gemm(true, false, 1, d, s.Len, 1, dlogit, v, x[lo*d:], d, 1, grad, d)
			if dx != nil {
				h.dev.Gemm(false, false, s.Len, d, 1, 1, dlogit, v, row, d, 1, dx[lo*d:], d)
			}
			for i := range s.Len {
				dlogit[i*v] = 0
			}
		}
	}
	return nil
}
