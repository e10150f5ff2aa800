package chart

import (
	"math"
	"slices"
)

// Point is a point of a curve: a step and a value.
type Point struct{ X, Y float64 }

// Finite returns the points whose value is finite.
func Finite(points []Point) []Point {
	lost := func(p Point) bool { return math.IsNaN(p.Y) || math.IsInf(p.Y, 0) }
	if !slices.ContainsFunc(points, lost) {
		return points
	}
	return slices.DeleteFunc(slices.Clone(points), lost)
}

// Around returns how many neighbours on each side go into a mean of Smooth, of n points.
func Around(n int) int { return n / 40 }

// Smooth returns the mean of each point and its neighbours, fewer at the ends:
//
//	m[i] = mean(y[i-k] … y[i+k]), k = Around(n)
func Smooth(points []Point) []Point {
	k, n := Around(len(points)), len(points)
	out, sums := make([]Point, n), make([]float64, n+1)
	for i, p := range points {
		sums[i+1] = sums[i] + p.Y
	}
	for i, p := range points {
		from, to := max(0, i-k), min(n, i+k+1)
		out[i] = Point{p.X, (sums[to] - sums[from]) / float64(to-from)}
	}
	return out
}

// thin keeps the first, the lowest, the highest and the last point of each of n parts of a curve, in order: drawn in n
// columns it looks the same.
func thin(points []Point, n int) []Point {
	if len(points) <= 4*n {
		return points
	}
	var out []Point
	for i := range n {
		part := points[i*len(points)/n : (i+1)*len(points)/n]
		low, high := 0, 0
		for j, p := range part {
			if p.Y < part[low].Y {
				low = j
			}
			if p.Y > part[high].Y {
				high = j
			}
		}
		last := -1
		for _, j := range []int{0, min(low, high), max(low, high), len(part) - 1} {
			if j > last {
				out = append(out, part[j])
				last = j
			}
		}
	}
	return out
}
