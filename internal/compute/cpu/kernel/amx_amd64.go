//go:build amd64 && !purego

package kernel

// assemblyAMX returns the kernels in assembly.
func assemblyAMX() *AMX {
	return &AMX{
		PanelBF16: panelBF16AMX, PanelInt8: panelInt8AMX, ChunkBF16: chunkBF16AMX, ChunkInt8: chunkInt8AMX,
		FewBF16: fewBF16AMX, RectBF16: rectBF16AMX,
		RowsBF16: rowsBF16AMX, RowsInt8: rowsInt8AMX, TurnBF16: turnBF16AMX, TurnInt8: turnInt8AMX,
		PartBF16: partBF16AMX, PartInt8: partInt8AMX,
		OutF32: outF32AMX, OutInt32: outInt32AMX, AddTurnedF32: addTurnedF32AMX, AddTurnedInt32: addTurnedInt32AMX,
		PeakBF16: peakBF16AMX, PeakInt8: peakInt8AMX,
	}
}

//go:noescape
func panelBF16AMX(s *AMXStrip)

//go:noescape
func panelInt8AMX(s *AMXStrip)

//go:noescape
func chunkBF16AMX(s *AMXStrip)

//go:noescape
func chunkInt8AMX(s *AMXStrip)

//go:noescape
func fewBF16AMX(s *AMXStrip)

//go:noescape
func rectBF16AMX(m *AMXRect)

//go:noescape
func peakBF16AMX(s *AMXStrip)

//go:noescape
func peakInt8AMX(s *AMXStrip)

//go:noescape
func rowsBF16AMX(m *AMXRows)

//go:noescape
func rowsInt8AMX(m *AMXRows)

//go:noescape
func turnBF16AMX(m *AMXRows)

//go:noescape
func turnInt8AMX(m *AMXRows)

//go:noescape
func partBF16AMX(m *AMXRows)

//go:noescape
func partInt8AMX(m *AMXRows)

//go:noescape
func outF32AMX(m *AMXRows)

//go:noescape
func outInt32AMX(m *AMXRows)

//go:noescape
func addTurnedF32AMX(m *AMXRows)

//go:noescape
func addTurnedInt32AMX(m *AMXRows)
