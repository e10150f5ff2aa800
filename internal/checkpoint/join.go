package checkpoint

import "slices"

// JoinRows returns the matrix that matrices of one type and shape make up below each other. Their data stay where they
// are; without data, the whole has none.
func JoinRows(parts []Tensor) Tensor {
	out := joinable(parts)
	out.Shape[0] *= len(parts)
	return out
}

// JoinColumns returns the matrix that matrices of one type and shape, whose rows are whole blocks, make up side by
// side. Their data stay where they are; without data, the whole has none.
func JoinColumns(parts []Tensor) Tensor {
	out := joinable(parts)
	out.Shape[1] *= len(parts)
	out.Beside = true
	return out
}

func joinable(parts []Tensor) Tensor {
	out := parts[0]
	out.Shape = slices.Clone(out.Shape)
	out.Data, out.Order, out.Own, out.Parts = nil, nil, false, parts
	return out
}

// joinedRow returns row i of the parts: a window into one of them or, side by side, a copy.
func (t Tensor) joinedRow(i int) []byte {
	if !t.Beside {
		n := t.Parts[0].Shape[0]
		return t.Parts[i/n].Row(i % n)
	}
	var row []byte
	for _, p := range t.Parts {
		row = append(row, p.Row(i)...)
	}
	return row
}

// Joined returns t with Data, in memory of its own where there were Parts.
func (t Tensor) Joined() Tensor {
	if t.Parts == nil {
		return t
	}
	out, rows := t, t
	out.Data, out.Parts, out.Beside, out.Own = make([]byte, 0, t.Size()), nil, false, true
	rows.Order = nil
	for raw := range rows.Runs() {
		out.Data = append(out.Data, raw...)
	}
	return out
}

// Ends returns the first and the last n bytes of the data, or all where there are fewer, whatever the order of rows.
func (t Tensor) Ends(n int) (first, last []byte) {
	if t.Parts == nil {
		return t.Data[:min(n, len(t.Data))], t.Data[max(0, len(t.Data)-n):]
	}
	t.Order = nil
	rows := t.Shape[0]
	for i := 0; i < rows && len(first) < n; i++ {
		first = append(first, t.Row(i)...)
	}
	for i := rows - 1; i >= 0 && len(last) < n; i-- {
		last = slices.Concat(t.Row(i), last)
	}
	return first[:min(n, len(first))], last[max(0, len(last)-n):]
}
