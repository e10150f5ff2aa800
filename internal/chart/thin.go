package chart

// Point is a point of a curve: a step and a value.
type Point struct{ X, Y float64 }

// Smooth returns the exponentially weighted mean of the points so far at each point, without the bias of its first
// values:
//
//	m[i] = (1-w) m[i-1] + w y[i], divided by 1 - (1-w)^(i+1), w = 2/(span+1)
//
// The span is a twentieth of the points.
func Smooth(points []Point) []Point {
	w := 2 / (max(1, float64(len(points))/20) + 1)
	out, mean, left := make([]Point, len(points)), 0.0, 1.0
	for i, p := range points {
		mean, left = (1-w)*mean+w*p.Y, (1-w)*left
		out[i] = Point{p.X, mean / (1 - left)}
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
