package settings

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"fettle/internal/suggest"
)

// FlagError explains a flag that could not be read.
func FlagError(flags *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		var names []string
		flags.VisitAll(func(f *pflag.Flag) { names = append(append(names, f.Name), f.Annotations[namesNote]...) })
		name := unknown.GetSpecifiedName()
		return fmt.Errorf("unknown flag --%s%s", name, suggest.DidYouMean(canonical(name), names, "--"))
	case errors.As(err, &wrong):
		want := map[string]string{"int": "a whole number", "uint64": "a whole number, 0 or more", "float64": "a number",
			"bool": "true or false"}
		if kind, ok := want[wrong.GetFlag().Value.Type()]; ok {
			return fmt.Errorf("--%s: %s is not %s", wrong.GetFlag().Name, quoted(wrong.GetValue()), kind)
		}
	}
	return err
}
