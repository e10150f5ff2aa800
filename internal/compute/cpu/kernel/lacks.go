package kernel

// Lack names a level that this machine does not have, and the features of processors that it lacks for it,
// or what else is in the way.
type Lack struct {
	Level    string
	Features []string
}
