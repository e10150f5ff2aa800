package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	mit = "Permission is hereby granted, free of charge,\nto any person obtaining a copy of this software"
	bsd = "Redistribution and use in source and binary forms, with or without modification, are permitted"
)

func TestLicencesAreRecognised(t *testing.T) {
	for _, c := range []struct {
		file, content string
		want          []string
	}{
		{"LICENSE", mit, []string{"MIT"}},
		{"LICENSE", bsd, []string{"BSD-2-Clause"}},
		{"LICENSE", bsd + "\n* Neither the name of Google", []string{"BSD-3-Clause"}},
		{"LICENSE", "Apache License\n   Version 2.0, January 2004", []string{"Apache-2.0"}},
		{"LICENSE", mit + "\n\nLicensed under the Apache License,\nVersion 2.0", []string{"Apache-2.0", "MIT"}},
		{"NOTICE", "Copyright 2011 Canonical Ltd.", nil},
	} {
		got, err := recognise(c.file, c.content)
		require.NoError(t, err, c.content)
		require.Equal(t, c.want, got, c.content)
	}
	for reason, content := range map[string]string{
		"terms of another kind": mit + "\nor the GNU General\nPublic License",
		"advertising":           bsd + "\n3. All advertising materials mentioning features",
		"not a licence":         "All rights reserved.",
	} {
		_, err := recognise("LICENSE", content)
		require.ErrorContains(t, err, reason)
	}
}

// module writes files, by name, below a new root.
func module(t *testing.T, files map[string]string) string {
	root := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(content), 0o644))
	}
	return root
}

func TestLicencesOfLinkedPackagesAreFound(t *testing.T) {
	root := module(t, map[string]string{
		"LICENSE": mit, "a/COPYING": bsd, "a/b/b.go": "", "c/LICENSE": "GNU General Public", "d/d.go": "",
	})
	p, err := newPart(&debug.Module{Path: "example.org/m", Version: "v1.0.0"},
		folders{root, []string{filepath.Join(root, "a/b"), filepath.Join(root, "d")}})
	require.NoError(t, err)
	require.Equal(t, []string{"BSD-2-Clause", "MIT"}, p.licences())
	require.Contains(t, noticesOf([]part{p}), "==== example.org/m v1.0.0: a/COPYING\n\n"+bsd)
}

func TestModulesWithoutALicenceAreRefused(t *testing.T) {
	for reason, files := range map[string]map[string]string{
		"no licence":            {"README": mit},
		"no licence in":         {"NOTICE": "Copyright 2011"},
		"terms of another kind": {"LICENSE": "Mozilla Public License"},
	} {
		_, err := newPart(&debug.Module{Path: "example.org/m"}, folders{root: module(t, files)})
		require.ErrorContains(t, err, reason)
	}
}

// of is a program that consists of this tree's kernels and the modules.
func of(modules ...*debug.Module) program {
	const kernels = "fettle/internal/compute/cpu/kernel"
	return program{"kernels", &buildinfo.BuildInfo{GoVersion: "go1.26", Path: kernels, Deps: modules}}
}

func TestEveryModuleIsListed(t *testing.T) {
	linked, err := of().linked()
	require.NoError(t, err)
	require.Contains(t, linked, "github.com/klauspost/cpuid/v2")
	var modules []*debug.Module
	for path := range linked {
		modules = append(modules, &debug.Module{Path: path})
	}
	parts, err := of(modules...).parts()
	require.NoError(t, err)
	require.Equal(t, "std", parts[len(parts)-1].path)
	require.Len(t, parts, len(linked)+1)

	_, err = of(modules[1:]...).parts()
	require.ErrorContains(t, err, "are linked here, and not in kernels")
	_, err = of(append(modules, &debug.Module{Path: "example.org/m"})...).parts()
	require.ErrorContains(t, err, "module example.org/m is in kernels")
}

func TestTheBillNamesEveryPart(t *testing.T) {
	p := of()
	p.file = filepath.Join(module(t, map[string]string{"program": "abc"}), "program")
	written, err := p.cyclonedx("1.2.3", []part{
		{path: "example.org/m", version: "v2.0.0+incompatible", sum: "h1:x",
			texts: []text{{"LICENSE", mit, []string{"MIT"}}}},
		{path: "std", version: "go1.26", texts: []text{{"LICENSE", bsd, []string{"BSD-3-Clause"}}}},
	})
	require.NoError(t, err)
	var d document
	require.NoError(t, json.Unmarshal(written, &d))
	require.Equal(t, []hash{{"SHA-256", // of FIPS 180-2
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}, d.Metadata.Component.Hashes)
	require.Equal(t, "pkg:golang/example.org/m@v2.0.0%2Bincompatible", d.Components[0].URL)
	require.Equal(t, []licence{{"MIT"}}, d.Components[0].Licences)
	require.Equal(t, []string{d.Components[0].Ref, d.Components[1].Ref}, d.Dependencies[0].On)
}
