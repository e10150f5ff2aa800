package safetensors

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// object reads a JSON object, calling member with the decoder before each value. A key that occurs twice is an error.
func object(dec *json.Decoder, member func(key string) error) error {
	if err := delim(dec, '{'); err != nil {
		return err
	}
	return members(dec, member)
}

// orNull reads an object, or null, which MLX writes for no metadata.
func orNull(dec *json.Decoder, member func(key string) error) error {
	token, err := dec.Token()
	if err != nil || token == nil {
		return err
	}
	if token != json.Delim('{') {
		return fmt.Errorf("%v where { should be", token)
	}
	return members(dec, member)
}

// members reads what follows the brace of an object.
func members(dec *json.Decoder, member func(key string) error) error {
	seen := map[string]bool{}
	for dec.More() {
		key, err := text(dec)
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %q occurs twice", key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	return delim(dec, '}')
}

// numbers reads an array of non-negative integers; the result is never nil.
func numbers(dec *json.Decoder) ([]uint64, error) {
	if err := delim(dec, '['); err != nil {
		return nil, err
	}
	list := []uint64{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		number, _ := token.(json.Number)
		n, err := strconv.ParseUint(number.String(), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%v where a non-negative integer should be", token)
		}
		list = append(list, n)
	}
	return list, delim(dec, ']')
}

func text(dec *json.Decoder) (string, error) {
	token, err := dec.Token()
	if err != nil {
		return "", err
	}
	s, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("%v where a string should be", token)
	}
	return s, nil
}

func delim(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("%v where %v should be", token, want)
	}
	return nil
}
