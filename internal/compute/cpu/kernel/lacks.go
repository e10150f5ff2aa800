package kernel

// Lack names a level that this machine does not have, and the features of processors that it lacks for it.
type Lack struct {
	Level    string
	Features []string
}
