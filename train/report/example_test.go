package report_test

import (
	"fmt"

	"fettle/train/report"
)

func ExampleSparkline() {
	var steps []report.StepRow
	for i, loss := range []float64{3, 2.5, 2, 1.5, 1, 1} {
		steps = append(steps, report.StepRow{Step: i + 1, Loss: loss})
	}
	fmt.Println(report.Sparkline(steps))
	// Output: loss █▆▅▃▁▁ 3.000 … 1.000
}
