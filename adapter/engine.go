package adapter

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	G "gorgonia.org/gorgonia"

	"fettle/internal/compute"
)

// engine gives Gorgonia's matrix products the device's Gemm.
type engine struct {
	gonum.Implementation
	dev compute.Device
}

// Sgemm computes c = alpha·op(a)·op(b) + beta·c.
func (e engine) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	e.dev.Gemm(tA != blas.NoTrans, tB != blas.NoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// use makes Gorgonia compute on dev from now on.
func use(dev compute.Device) {
	if e, ok := G.WhichBLAS().(engine); !ok || e.dev != dev {
		G.Use(engine{dev: dev})
	}
}
