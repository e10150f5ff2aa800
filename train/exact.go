package train

import (
	"math"
	"math/big"
)

// bits is the precision of the functions below, which round once, at the end. Towards the end of a run 1+cos cancels,
// and the last bit of math.Cos shows in the rate.
const bits = 320

func newFloat(x float64) *big.Float { return new(big.Float).SetPrec(bits).SetFloat64(x) }

// pi is π to 90 digits.
const pi = "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534"

// cosine returns the correctly rounded cos(x) for |x| < 10⁶: the Taylor series of x − 2πn.
func cosine(x float64) float64 {
	turn, _, err := big.ParseFloat(pi, 10, bits, big.ToNearestEven)
	if err != nil {
		panic("train: π is not a number")
	}
	turn.Add(turn, turn)
	square := newFloat(math.Round(x / (2 * math.Pi)))
	square.Sub(newFloat(x), square.Mul(square, turn))
	square.Mul(square, square)
	sum, term := newFloat(1), newFloat(1)
	for n := int64(2); n < 80; n += 2 { // (1.01π)⁸⁰/80! < 2⁻²⁰⁰
		term.Mul(term, square)
		term.Quo(term, new(big.Float).SetInt64(-n*(n-1)))
		sum.Add(sum, term)
	}
	y, _ := sum.Float64()
	return y
}

// power returns the correctly rounded x^y for 0 ≤ x ≤ 1 and y ≥ 0.
func power(x, y float64) float64 {
	if x == 0 || x == 1 || y == 0 || y == 1 || y == 0.5 {
		return math.Pow(x, y) // exact
	}
	exponent := logarithm(x)
	exponent.Mul(exponent, newFloat(y))
	z, _ := exponential(exponent).Float64()
	return z
}

// logarithm returns ln x for x > 0, from ln(f·2ᵉ) = 2·artanh((f−1)/(f+1)) + e·2·artanh(⅓).
func logarithm(x float64) *big.Float {
	fraction, e := math.Frexp(x)
	f, one := newFloat(fraction), newFloat(1)
	z := new(big.Float).Quo(new(big.Float).Sub(f, one), new(big.Float).Add(f, one))
	ln := areaTangent(z)
	part := areaTangent(new(big.Float).Quo(one, newFloat(3)))
	ln.Add(ln, part.Mul(part, newFloat(float64(e))))
	return ln.Add(ln, ln)
}

// areaTangent returns artanh(z) = Σ z²ⁱ⁺¹/(2i+1) for |z| ≤ ⅓.
func areaTangent(z *big.Float) *big.Float {
	square := new(big.Float).Mul(z, z)
	sum, term := new(big.Float).Set(z), new(big.Float).Set(z)
	for n := 3.0; n < 200; n += 2 { // 3⁻²⁰⁰ < 2⁻³¹⁶
		term.Mul(term, square)
		sum.Add(sum, new(big.Float).Quo(term, newFloat(n)))
	}
	return sum
}

// exponential returns eˣ for x ≤ 0: the Taylor series of x/2²⁰, squared 20 times.
func exponential(x *big.Float) *big.Float {
	if v, _ := x.Float64(); v < -800 {
		return newFloat(0) // less than half the smallest float64
	}
	x.SetMantExp(x, -20)
	sum, term := newFloat(1), newFloat(1)
	for n := 1.0; n < 40; n++ { // (800/2²⁰)⁴⁰ < 2⁻⁴¹⁰
		term.Mul(term, x)
		term.Quo(term, newFloat(n))
		sum.Add(sum, term)
	}
	for range 20 {
		sum.Mul(sum, sum)
	}
	return sum
}
