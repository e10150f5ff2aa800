package settings

import (
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// set converts a value to the field's type and stores it. From the environment and from files come texts and lists of
// texts; from flags, values of the field's own type.
func (f Field) set(value any) error {
	list, isList := value.([]string)
	switch to := f.Value.Addr().Interface().(type) {
	case *[]string:
		if !isList {
			var err error
			if list, err = f.split(fmt.Sprint(value)); err != nil {
				return err
			}
		}
		*to = append([]string{}, list...)
		return nil
	case *string:
		if !isList {
			*to = fmt.Sprint(value)
			return nil
		}
	}
	if isList {
		return fmt.Errorf("%q is a list, want one value", list)
	}
	return f.parse(fmt.Sprint(value))
}

// parse reads a number or a truth value.
func (f Field) parse(text string) error {
	plain := strings.ReplaceAll(strings.TrimSpace(text), "_", "")
	var err error
	var want string
	switch to := f.Value.Addr().Interface().(type) {
	case *bool:
		want = "true or false"
		*to, err = strconv.ParseBool(strings.TrimSpace(text))
	case *int:
		want = "a whole number"
		*to, err = parseInt(plain)
	case *uint64:
		want = "a whole number, 0 or more"
		*to, err = strconv.ParseUint(plain, 0, 64)
	case *float64:
		want = "a number"
		*to, err = strconv.ParseFloat(plain, 64)
	}
	if err != nil {
		return fmt.Errorf("%s is not %s", quoted(text), want)
	}
	return nil
}

// quoted leaves numbers as they are.
func quoted(text string) string {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return text
	}
	return strconv.Quote(text)
}

// parseInt reads whole numbers, such as 1e3 and 3.0 too.
func parseInt(text string) (int, error) {
	n, err := strconv.ParseInt(text, 0, strconv.IntSize)
	if err == nil {
		return int(n), nil
	}
	x, floatErr := strconv.ParseFloat(text, 64)
	if floatErr != nil || x != math.Trunc(x) || math.Abs(x) > 1<<31-1 {
		return 0, err
	}
	return int(x), nil
}

// split splits a text at its commas, as a flag does: an element in double quotes keeps its commas.
func (f Field) split(text string) ([]string, error) {
	switch {
	case text == "":
		return nil, nil
	case f.Whole:
		return []string{text}, nil
	}
	list, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return nil, fmt.Errorf("%q is not a list: %w", text, err)
	}
	return list, nil
}
