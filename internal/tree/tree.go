// Package tree numbers the nodes of the tree in which a step's gradients are summed. The tree depends on the number of
// leaves alone, so that whoever adds up a part of them gets bits that fit.
//
// Leaf i is node (i, 0), and the nodes (s, k) and (s+2ᵏ, k) with s a multiple of 2ᵏ⁺¹ make node (s, k+1). The complete
// subtrees that are left at the end are added from the right: seven leaves are ((0+1)+(2+3)) + ((4+5)+6).
package tree

// Node is a complete subtree: leaves At … At+1<<Level-1.
type Node struct{ At, Level int }

// End returns the leaf behind the node's last one.
func (n Node) End() int { return n.At + 1<<n.Level }

// Stack holds the largest complete subtrees of a range of leaves, from the left.
type Stack []Node

// Push adds a node that begins where the last one ends, and unites siblings. It returns how often: the new node is
// added to the last one below it, that to the one before, and so on.
func (s *Stack) Push(n Node) (united int) {
	all := *s
	for len(all) > 0 {
		left := all[len(all)-1]
		if left.Level != n.Level || left.At%(2<<n.Level) != 0 || left.End() != n.At {
			break
		}
		n, all = Node{left.At, n.Level + 1}, all[:len(all)-1]
		united++
	}
	*s = append(all, n)
	return united
}

// Nodes lists the largest complete subtrees of leaves lo … hi-1.
func Nodes(lo, hi int) Stack {
	var s Stack
	for ; lo < hi; lo++ {
		s.Push(Node{At: lo})
	}
	return s
}

// Deepest returns the most subtrees that exist at one time while leaves lo … hi-1 are added one by one.
func Deepest(lo, hi int) int {
	var s Stack
	deepest := 0
	for ; lo < hi; lo++ {
		s.Push(Node{At: lo})
		deepest = max(deepest, len(s))
	}
	return deepest
}

// Unite adds up parts of leaves that are dealt to several processes: process r has leaves cuts[r] … cuts[r+1]-1 as one
// part for each of Nodes. It leaves the sum in the first of the parts, and changes others.
func Unite(cuts []int, parts [][][]float32) []float32 {
	var s Stack
	var sums [][]float32
	fold := func() {
		k := len(sums) - 1
		add(sums[k-1], sums[k])
		sums = sums[:k]
	}
	for r := range parts {
		for i, n := range Nodes(cuts[r], cuts[r+1]) {
			sums = append(sums, parts[r][i])
			for range s.Push(n) {
				fold()
			}
		}
	}
	for len(sums) > 1 {
		fold()
	}
	return sums[0]
}

func add(y, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += x[i]
	}
}
