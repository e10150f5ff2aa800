package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// phrases identify the licences that may be combined with fettle's, Apache-2.0: permissive ones, whose terms are met by
// passing on their text. BSD-2-Clause is what remains of BSD-3-Clause without its third clause.
var phrases = []struct{ licence, phrase string }{
	{"Apache-2.0", "apache license version 2.0"},
	{"Apache-2.0", "licensed under the apache license, version 2.0"},
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"BSD-3-Clause", "neither the name"},
	{"BSD-3-Clause", "names of its contributors may be used to endorse"},
	{"BSD-2-Clause", "redistribution and use in source and binary forms"},
}

// foreign are phrases of licences that ask for more.
var foreign = []string{"gnu general public", "gnu lesser", "gnu affero", "mozilla public", "eclipse public",
	"non-commercial", "noncommercial", "creative commons", "business source", "server side public",
	"all advertising materials"}

// read holds, by the SHA-256 of their text, licences that were read by a person.
var read = map[string][]string{
	// Apache Arrow's, of all its languages: the packages in Go are Apache-2.0, with code of Go's under BSD-3-Clause.
	"b9bb118a7b522be9463470835c0a50451255b4e8dd350465c366a1656128f622": {"Apache-2.0", "BSD-3-Clause"},
}

// recognise returns the SPDX names of the licences in a text. A NOTICE may have none.
func recognise(name, content string) ([]string, error) {
	if names, ok := read[fmt.Sprintf("%x", sha256.Sum256([]byte(content)))]; ok {
		return names, nil
	}
	plain := strings.Join(strings.Fields(strings.ToLower(content)), " ")
	for _, phrase := range foreign {
		if strings.Contains(plain, phrase) {
			return nil, errors.New("terms of another kind: " + phrase)
		}
	}
	var names []string
	for _, p := range phrases {
		if strings.Contains(plain, p.phrase) && !slices.Contains(names, p.licence) &&
			(p.licence != "BSD-2-Clause" || !slices.Contains(names, "BSD-3-Clause")) {
			names = append(names, p.licence)
		}
	}
	if len(names) == 0 && !strings.HasPrefix(strings.ToLower(name), "notice") {
		return nil, errors.New("not a licence that is known here: read it, and add it to phrases if it is permissive")
	}
	return names, nil
}
