// Bom lists what a built program is made of: a CycloneDX bill of materials and the licences of everything in it.
//
//	go run ./internal/bom -program fettle -version 0.1.0 -sbom fettle.cdx.json -notices THIRD_PARTY_LICENSES
//
// Modules, versions and system are read from the program itself, packages and licences from their sources. A module
// without a licence, or with one that fettle's own does not allow, is an error. The output depends on nothing else.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	program := flag.String("program", "", "the `FILE` that go build wrote")
	version := flag.String("version", "", "its version")
	sbom := flag.String("sbom", "", "`FILE` for the bill of materials")
	notices := flag.String("notices", "", "`FILE` for the licences")
	flag.Parse()
	if err := run(*program, *version, *sbom, *notices); err != nil {
		fmt.Fprintln(os.Stderr, "bom:", err)
		os.Exit(1)
	}
}

func run(program, version, sbom, notices string) error {
	built, err := open(program)
	if err != nil {
		return err
	}
	parts, err := built.parts()
	if err != nil {
		return err
	}
	text, err := built.cyclonedx(version, parts)
	if err != nil {
		return err
	}
	if err := os.WriteFile(sbom, text, 0o644); err != nil {
		return err
	}
	return os.WriteFile(notices, []byte(noticesOf(parts)), 0o644)
}
