package settings

// Strength orders the sources of a setting: a stronger one overrides a weaker one.
type Strength int

// The sources, from the weakest.
const (
	Default     Strength = iota // the field's value when the flags were made
	Preset                      // a built-in config, or what another program takes for a key that its file leaves out
	File                        // a file of the user
	Environment                 // a variable FETTLE_…
	Flag
)

// Place states where a setting was given.
type Place struct {
	Strength Strength
	Source   string // such as "config run.yaml:3" or "environment"; "" for a flag
	Name     string // the setting as it was written there: lora_r, FETTLE_LORA_R, --lora_r
}

// String names the place in messages.
func (p Place) String() string {
	if p.Source == "" {
		return p.Name
	}
	return p.Source + ": " + p.Name
}

// Explicit reports whether the user wrote the setting, not a preset.
func (p Place) Explicit() bool { return p.Strength >= File }

// Entry is a setting as it was written.
type Entry struct {
	Key   string // with underscores
	Value any    // nil (the default), a string, a []string, or what YAML makes of anything else
	Place Place
}
