package model

// stage is a step of a block's backward pass, from its output to its input. Each needs the ones before it.
type stage int

const (
	atOutputNorm    stage = iota + 1 // the weight of the norm behind the MLP
	atDown                           // down_proj
	atMLP                            // gate_proj and up_proj
	atMLPNorm                        // the weight of the norm before them
	atAttentionNorm                  // that of the norm behind attention
	atOutput                         // o_proj
	atAttention                      // the delta at attention
	atHeadNorms                      // the weights of the norms of queries and keys
	atInputs                         // q_proj, k_proj, v_proj
	atInputNorm                      // the weight of the norm before them
	atInput                          // the block's input: something below is trained
)

var normStages = [numNorms]stage{
	inputNorm: atInputNorm, mlpNorm: atMLPNorm, queryNorm: atHeadNorms, keyNorm: atHeadNorms,
	attentionNorm: atAttentionNorm, outputNorm: atOutputNorm,
}

var stages = [numPlaces]stage{
	QProj: atInputs, KProj: atInputs, VProj: atInputs, Attention: atAttention, OProj: atOutput,
	GateProj: atMLP, UpProj: atMLP, DownProj: atDown,
}

// depth is the stage of a block at which the backward pass ends. Layer −1 stands for the embedding, layer L for the
// final norm and the head.
type depth struct {
	layer int
	stage stage
}

// findLowest returns the depth of the lowest delta or wanted weight of the view, block L if there is none in a block.
func (m *Model) findLowest() depth {
	if m.wants(embedName) || m.embed != nil {
		return depth{layer: -1}
	}
	for l := range m.config.Layers {
		if s := m.lowestStage(l); s > 0 {
			return depth{l, s}
		}
	}
	return depth{layer: m.config.Layers}
}

// lowestStage returns the last stage of block l where something is trained, 0 if nothing is.
func (m *Model) lowestStage(l int) stage {
	lowest := stage(0)
	need := func(s stage, needed bool) {
		if needed {
			lowest = max(lowest, s)
		}
	}
	for _, p := range Places() {
		need(stages[p], m.delta(l, p) != nil)
		need(stages[p], p != Attention && (m.wants(Site{l, p}.WeightName()) || m.wants(Site{l, p}.BiasName())))
	}
	for _, p := range m.config.Arch.norms() {
		need(normStages[p], m.wants(m.config.normName(l, p)))
	}
	return lowest
}

// trains reports whether Gradients computes any gradient.
func (m *Model) trains() bool {
	return m.lowest.layer < m.config.Layers || len(m.wanted) > 0 || m.head != nil
}

// end returns the last stage of block l's backward pass: all of them above the lowest block.
func (m *Model) end(l int) stage {
	if l > m.lowest.layer {
		return atInput
	}
	return m.lowest.stage
}
