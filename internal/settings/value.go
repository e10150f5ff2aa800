package settings

// Set gives the field the value that a text stands for, as its flag does.
func (f Field) Set(text string) error { return f.set(text) }
