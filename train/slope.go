package train

import (
	"context"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"fettle/adapter"
	"fettle/data"
)

// Slope compares derivatives of the loss along a direction in which some parameters of one kind move.
type Slope struct {
	Kind       string  // the parameters' name without its numbers
	Elements   int     // how many move
	Gradient   float64 // ⟨gradient, direction⟩
	Difference float64 // central difference of the loss
	Size       float64 // |gradient|·|direction| of the elements that move
	Noise      float64 // error of Difference that the rounding of the loss to float32 makes
}

// SlopeTolerance bounds the difference of both derivatives, relative to Size.
const SlopeTolerance = 1e-3

// Error returns the difference of both derivatives beyond Noise, relative to Size.
func (s Slope) Error() float64 {
	beyond := math.Abs(s.Gradient-s.Difference) - s.Noise
	if beyond <= 0 {
		return 0
	}
	return beyond / max(s.Size, s.Noise)
}

// Right reports whether the gradient is that of the loss, as far as differences tell.
func (s Slope) Right() bool { return s.Error() <= SlopeTolerance }

// Tells reports whether differences are accurate enough to tell.
func (s Slope) Tells() bool { return s.Noise <= 0.01*s.Size }

// Slopes compares the gradient that training computes on examples with central differences of the loss, for every kind
// of parameter along three directions of random elements: their gradient, and twice random signs. It moves parameters
// that are all zero a little first, so that no gradient vanishes with them, and leaves all as they were. begun is told
// of each kind before it, and of how many there are.
func Slopes(ctx context.Context, c Config, job Job, examples []data.Example, begun func(kind string, of int)) (
	[]Slope, error,
) {
	c, err := job.resolveSharePrefix(c)
	if err != nil {
		return nil, err
	}
	job.Training = examples
	r := &run{config: c, job: job, optimizer: newAdamW(c, job.Model.Device(), job.Adapter.Params())}
	w := NewWorkload(c, examples, nil)
	job.Model.Reserve(w.Tokens, w.Learned)
	before := map[*adapter.Param][]float32{}
	random := rand.New(rand.NewPCG(c.Seed, 1))
	for _, p := range job.Adapter.Params() {
		before[p] = slices.Clone(p.Data)
		if !slices.ContainsFunc(p.Data, func(v float32) bool { return v != 0 }) {
			for i := range p.Data {
				p.Data[i] = stirred * float32(random.NormFloat64())
			}
		}
	}
	defer func() {
		for p, data := range before {
			copy(p.Data, data)
		}
		_ = job.Adapter.Refresh()
	}()
	if err := job.Adapter.Refresh(); err != nil {
		return nil, err
	}
	which := make([]int, len(examples))
	for i := range which {
		which[i] = i
	}
	row, err := r.gradients(ctx, 0, which)
	if err != nil {
		return nil, err
	}
	kinds, names := kindsOf(job.Adapter.Params())
	var all []Slope
	for _, name := range names {
		begun(name, len(names))
		for _, signs := range []bool{false, true, true} {
			s, err := r.slope(ctx, newLine(kinds[name], random, signs), row.Loss)
			if err != nil {
				return nil, err
			}
			s.Kind = name
			all = append(all, s)
		}
	}
	return all, nil
}

// SlopePasses returns about how many forward passes Slopes takes.
func SlopePasses(params []*adapter.Param) int {
	kinds, _ := kindsOf(params)
	return 3 + 3*2*len(kinds)
}

// stirred is the deviation of parameters that are moved away from zero.
const stirred = 0.02

// layerNumber matches the number of a layer in a parameter's name.
var layerNumber = regexp.MustCompile(`\.\d+\b`)

// kindsOf sorts parameters by their names without numbers, in the order of the first of each.
func kindsOf(params []*adapter.Param) (kinds map[string][]*adapter.Param, names []string) {
	kinds = map[string][]*adapter.Param{}
	for _, p := range params {
		name := strings.TrimPrefix(layerNumber.ReplaceAllString(p.Name, ""), "base_model.model.")
		if kinds[name] == nil {
			names = append(names, name)
		}
		kinds[name] = append(kinds[name], p)
	}
	return kinds, names
}

// line is a straight line through the values of some elements.
type line struct {
	values    []*float32
	start     []float32
	direction []float64
	gradient  []float64
}

// newLine draws about a thousand elements of parameters, and signs unless it goes along their gradient.
func newLine(params []*adapter.Param, random *rand.Rand, signs bool) line {
	const most = 1024
	total := 0
	for _, p := range params {
		total += len(p.Data)
	}
	var l line
	for _, p := range params {
		for i := range p.Data {
			if random.IntN(total) >= most {
				continue
			}
			g := float64(p.Grad[i])
			d := g
			if signs {
				d = float64(1 - 2*random.IntN(2))
			}
			l.values, l.start = append(l.values, &p.Data[i]), append(l.start, p.Data[i])
			l.gradient, l.direction = append(l.gradient, g), append(l.direction, d)
		}
	}
	return l
}

// step returns how far to go: at most a twentieth of the elements' norm, and no further than the loss changes by a
// five-hundredth.
func (l line) step(loss float64) float64 {
	size := 0.0
	for _, v := range l.start {
		size += float64(v) * float64(v)
	}
	return min(0.05*math.Sqrt(size)/norm(l.direction), 0.002*loss/(norm(l.gradient)*norm(l.direction)))
}

// move goes to a place on the line.
func (l line) move(step float64) {
	for i, v := range l.values {
		*v = l.start[i] + float32(step*l.direction[i])
	}
}

// moved returns how far the elements are from their start, as float32 has it.
func (l line) moved() []float64 {
	by := make([]float64, len(l.values))
	for i, v := range l.values {
		by[i] = float64(*v) - float64(l.start[i])
	}
	return by
}

func norm(x []float64) float64 { return math.Sqrt(inner(x, x)) }

func inner(x, y []float64) (sum float64) {
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

// slope measures along a line from where the loss is as given.
func (r *run) slope(ctx context.Context, l line, loss float64) (s Slope, err error) {
	s.Elements, s.Size = len(l.values), norm(l.gradient)*norm(l.direction)
	if norm(l.direction) == 0 {
		return s, nil // along a gradient of zeros
	}
	step := l.step(loss)
	if err := r.differences(ctx, l, step, loss, &s); err != nil || s.Error() <= SlopeTolerance/10 {
		return s, err
	}
	half := s // Richardson: cancels the error of order step²
	err = r.differences(ctx, l, step/2, loss, &half)
	s.Difference, s.Gradient = (4*half.Difference-s.Difference)/3, (4*half.Gradient-s.Gradient)/3
	s.Noise = (4*half.Noise + s.Noise) / 3
	return s, err
}

// differences measures with a step.
func (r *run) differences(ctx context.Context, l line, step, loss float64, s *Slope) error {
	const rounding = 1e-6 // of the loss, relative: a few units of float32
	s.Gradient, s.Difference, s.Noise = 0, 0, rounding*loss/(2*step)
	for _, sign := range []float64{1, -1} {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.move(sign * step)
		if err := r.job.Adapter.Refresh(); err != nil {
			return err
		}
		at, err := r.loss()
		if err != nil {
			return err
		}
		s.Difference += sign * at / (2 * step)
		s.Gradient += sign * inner(l.gradient, l.moved()) / (2 * step)
	}
	l.move(0)
	return r.job.Adapter.Refresh()
}

// loss returns the loss of all examples as one step.
func (r *run) loss() (loss float64, err error) {
	weight, sequences := 0, 0
	for _, e := range r.job.Training {
		weight += r.job.Objective.weight(e)
	}
	for batch := range slices.Chunk(r.job.Training, r.config.BatchSize) {
		losses, err := r.forward(r.batch(0, batch, sequences), batch)
		if err != nil {
			return 0, err
		}
		for _, l := range losses {
			loss += l
		}
		for _, e := range batch {
			sequences += 1 + len(e.Others)
		}
	}
	return loss / float64(max(weight, 1)), nil
}
