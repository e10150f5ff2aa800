package cpu

// Levels names the levels of this machine.
func Levels() (names []string) {
	for _, l := range levels() {
		names = append(names, l.name)
	}
	return names
}
