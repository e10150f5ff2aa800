package chart

// Class counts the values From … To.
type Class struct{ From, To, Count int }

// Histogram sorts values, which are in order, into at most twelve classes of equal width, from the smallest on.
func Histogram(sorted []int) []Class {
	const classes = 12
	first, last := sorted[0], sorted[len(sorted)-1]
	step := (last-first)/classes + 1
	out := make([]Class, (last-first)/step+1)
	for i := range out {
		out[i].From, out[i].To = first+i*step, first+(i+1)*step-1
	}
	for _, n := range sorted {
		out[(n-first)/step].Count++
	}
	out[len(out)-1].To = last
	return out
}

// Bars is a histogram in a box of 716 × 200.
type Bars struct {
	Title, Caption string
	Bars           []Bar
}

// Bar is a class and its rectangle, 50 wide; Middle is the centre of it.
type Bar struct {
	Class
	X, Y, Height, Middle float64
}

// NewBars draws the counts of values, which are in order.
func NewBars(title, caption string, sorted []int) Bars {
	classes := Histogram(sorted)
	top := Top(classes)
	out := Bars{Title: title, Caption: caption}
	for i, c := range classes {
		height, x := 150*float64(c.Count)/float64(top), float64(10+i*58)
		out.Bars = append(out.Bars, Bar{c, x, 170 - height, height, x + 25})
	}
	return out
}

// Top returns the largest count, 1 at least.
func Top(classes []Class) int {
	top := 1
	for _, c := range classes {
		top = max(top, c.Count)
	}
	return top
}
