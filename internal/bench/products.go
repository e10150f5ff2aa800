package bench

import (
	"fmt"
	"io"

	"fettle/internal/compute"
	"fettle/internal/fault"
	"fettle/model"
)

// product holds the throughput of one product.
type product struct {
	Name string `json:"product"`
	Rows int    `json:"rows"`
	N    int    `json:"n"`
	K    int    `json:"k"`
	rate
}

// Products measures products with frozen weights, both ways.
func Products(out io.Writer, b Settings) error {
	c, err := b.Config()
	if err != nil {
		return err
	}
	w, done, err := b.open(false)
	defer done()
	if err != nil {
		return err
	}
	m := w.setup()
	if !b.JSON {
		m.print(out)
		fmt.Fprintf(out, "\n%-22s %6s %6s %6s %12s %9s %8s\n", "product", "rows", "N", "K", "GFLOP/cpu-s", "of peak",
			"ms")
	}
	var all []product
	for _, p := range []model.Place{model.QProj, model.KProj, model.UpProj, model.DownProj} {
		if p == model.KProj && c.KVHeads == c.Heads {
			continue // as q_proj
		}
		n, k := c.Width(p)
		measured, err := w.products(p.String(), b, n, k)
		if err != nil {
			return err
		}
		for _, p := range measured {
			if !b.JSON {
				fmt.Fprintf(out, "%-22s %6d %6d %6d %12.1f %7.1f %% %8.2f\n", p.Name, p.Rows, p.N, p.K, p.Work/1e9,
					100*p.Share, 1e3*p.Seconds)
			}
			all = append(all, p)
		}
	}
	if b.JSON {
		return emit(out, map[string]any{"machine": m, "products": all})
	}
	return nil
}

// products measures y = x·Wᵀ and dx += dy·W for one matrix.
func (w *bench) products(name string, b Settings, n, k int) ([]product, error) {
	t, _ := dtype(b.DType)
	matrix, err := compute.NewMatrix(name, n, k, t, randomWeights(n*k, t))
	if err != nil {
		return nil, err
	}
	if kind := compute.ResolveQuantization(b.Compute, b.Quantized, t); kind != compute.NotQuantized {
		if matrix, err = compute.Quantize(matrix, kind); err != nil {
			return nil, fault.Mark(err, fault.Usage)
		}
	}
	if err := w.dev.Prepare(matrix); err != nil {
		return nil, err
	}
	x, y := filled(b.Tokens*k), filled(b.Tokens*n)
	dx, out := make([]float32, b.Tokens*k), make([]float32, b.Tokens*n)
	var all []product
	for _, way := range []struct {
		name string
		run  func()
	}{
		{"y = x·Wᵀ", func() { w.dev.MatMul(out, x, matrix, b.Tokens) }},
		{"dx = dy·W", func() { w.dev.MatMulT(dx, y, matrix, b.Tokens) }},
	} {
		work, calls := 2*float64(b.Tokens)*float64(n)*float64(k), 1
		for calls < 1000 && float64(calls)*work < 5e9 {
			calls *= 2
		}
		took, err := clock(b.Steps, func() error {
			for range calls {
				way.run()
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		r := rated(took, b.Steps, b.Tokens*calls, work*float64(calls), w.top)
		for _, took := range []*float64{&r.Seconds, &r.Processor, &r.Mean, &r.MeanCPU} {
			*took /= float64(calls)
		}
		all = append(all, product{name + " " + way.name, b.Tokens, n, k, r})
	}
	return all, nil
}

// filled returns n nonzero values, which no kernel can skip.
func filled(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%17-8) / 16
	}
	return x
}
