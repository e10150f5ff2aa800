package adapter

import (
	"slices"

	"fettle/internal/compute"
	"fettle/internal/tree"
	"fettle/model"
)

// sum adds up the gradients of one array over the sequences of a step, in the tree of package tree: neither the
// micro-batches of a step nor the processes that share it make a difference.
type sum struct {
	dev   compute.Device
	mixed bool // several numbers of one sequence may go into an element
	next  int  // the sequence to come
	nodes tree.Stack
	rows  [][]float32 // by node, and more that are kept for later; the first is the gradient
}

// newSum makes a sum whose result is into.
func newSum(dev compute.Device, into []float32) *sum {
	return &sum{dev: dev, rows: [][]float32{into}}
}

// newMixed is newSum where a sequence's numbers are added up before they get here.
func newMixed(dev compute.Device, into []float32) *sum {
	return &sum{dev: dev, mixed: true, rows: [][]float32{into}}
}

// begin forgets all; the first sequence to come has this number in the step.
func (s *sum) begin(first int) {
	s.dev.Zero(s.rows[0])
	s.nodes, s.next = s.nodes[:0], first
}

// add adds the gradient of segment i of a batch. Sequences that were passed over have none; a batch whose numbers do
// not go on is counted on.
func (s *sum) add(b *model.Batch, i int, x []float32) {
	if i < len(b.Samples) {
		s.reach(int(b.Samples[i]))
	}
	k := len(s.nodes)
	united := s.nodes.Push(tree.Node{At: s.next})
	s.next++
	switch {
	case united > 0:
		s.dev.Add(s.rows[k-1], x)
		for i := k - 2; i >= k-united; i-- {
			s.dev.Add(s.rows[i], s.rows[i+1])
		}
	case k == 0: // into zeros
		s.dev.Add(s.rows[0], x)
	default:
		s.dev.Copy(s.row(k), x)
	}
}

// reach makes n the next sequence: those before it that have not come are zero.
func (s *sum) reach(n int) {
	for ; s.next < n; s.next++ {
		k := len(s.nodes)
		united := s.nodes.Push(tree.Node{At: s.next})
		for i := k - 2; i >= k-united; i-- {
			s.dev.Add(s.rows[i], s.rows[i+1])
		}
		if united == 0 && k > 0 {
			s.dev.Zero(s.row(k))
		}
	}
}

// row returns the memory of node k.
func (s *sum) row(k int) []float32 {
	if k == len(s.rows) {
		s.rows = append(s.rows, make([]float32, len(s.rows[0])))
	}
	return s.rows[k]
}

// total leaves the sum in the gradient.
func (s *sum) total() {
	for i := len(s.nodes) - 2; i >= 0; i-- {
		s.dev.Add(s.rows[i], s.rows[i+1])
	}
	s.nodes = s.nodes[:min(1, len(s.nodes))]
}

// summing is a delta whose gradients are summed over sequences.
type summing interface{ sums() []*sum }

// Summed reports whether the gradients of all parameters of a method are summed over sequences: those of the base's own
// weights are not.
func Summed(m Method, base *model.Config) (bool, error) {
	specs, err := Resolved(m, base).Params(base)
	return !slices.ContainsFunc(specs, func(s Spec) bool { return s.Weight != "" }), err
}

// InTurn returns the most sequences of a step for which sums have the bits of sums from the left. There is no limit,
// −1, for parameters whose gradients are not summed by sequence.
func (s *Set) InTurn() int {
	most := -1
	for _, sum := range s.sums {
		if sum.mixed {
			return 1
		}
		most = 3
	}
	return most
}

// Parts returns the partial sums of a step's part, which Begin began, up to a sequence: the arrays of every node of
// tree.Nodes. They are valid until the next Begin.
func (s *Set) Parts(end int) [][][]float32 {
	var parts [][][]float32
	for _, sum := range s.sums {
		sum.reach(end)
		for i := range sum.nodes {
			if i == len(parts) {
				parts = append(parts, nil)
			}
			parts[i] = append(parts[i], sum.rows[i])
		}
	}
	return parts
}

// Totals returns the arrays that hold the sums of a whole step before Finish. Where other processes have parts of the
// step, its total must be written to them; the partial sums are taken for used.
func (s *Set) Totals() [][]float32 {
	var all [][]float32
	for _, sum := range s.sums {
		sum.nodes = sum.nodes[:min(1, len(sum.nodes))]
		all = append(all, sum.rows[0])
	}
	return all
}
