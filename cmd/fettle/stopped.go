package main

import "fettle/train"

// stopped is the error of a command that an interrupt has ended, in its own words.
type stopped string

func (s stopped) Error() string { return string(s) }

// Is makes it an error like that of a run that was stopped.
func (s stopped) Is(target error) bool { return target == train.ErrStopped }
