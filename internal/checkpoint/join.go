package checkpoint

// JoinRows puts matrices of one type and width below each other, in memory of its own. Parts without data make a whole
// without data.
func JoinRows(parts []Tensor) Tensor {
	out := joinable(parts)
	out.Shape[0] *= len(parts)
	for _, p := range parts {
		for raw := range p.Runs() {
			out.Data = append(out.Data, raw...)
		}
	}
	return out
}

// JoinColumns puts matrices of one type and shape side by side, in memory of its own. Their rows are whole blocks.
// Parts without data make a whole without data.
func JoinColumns(parts []Tensor) Tensor {
	out := joinable(parts)
	out.Shape[1] *= len(parts)
	for i := range out.Shape[0] {
		for _, p := range parts {
			out.Data = append(out.Data, p.Row(i)...)
		}
	}
	return out
}

// joinable returns the first part without data, with room for all.
func joinable(parts []Tensor) Tensor {
	out, size := parts[0], 0
	for _, p := range parts {
		size += len(p.Data)
	}
	out.Shape = append([]int{}, out.Shape...)
	out.Data, out.Order, out.Own = make([]byte, 0, size), nil, true
	return out
}
