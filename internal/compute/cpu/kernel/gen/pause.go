package main

// pauses emits what a loop that waits for another core does between two looks.
func pauses() []byte {
	a := newAsm("amd64")
	a.function("Pause", "", 0)
	a.i("PAUSE")
	a.i("RET")
	return a.Bytes()
}
