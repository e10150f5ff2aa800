package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"fettle/internal/readfile"
)

// document is a bill of materials, CycloneDX 1.6: https://cyclonedx.org/docs/1.6/json/
type document struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licences   []licence  `json:"licenses"`
	URL        string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licence struct {
	Expression string `json:"expression"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

// cyclonedx returns the bill of materials: the program with its hash and how it was built, its modules with their
// checksums in Go's database, Go's library.
func (p program) cyclonedx(version string, parts []part) ([]byte, error) {
	sum, err := sha256of(p.file)
	if err != nil {
		return nil, err
	}
	purl := func(path, version string) string {
		return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	}
	url := purl(p.info.Path, version)
	whole := component{Type: "application", Ref: url, Name: p.info.Main.Path, Version: version, URL: url,
		Hashes: []hash{{"SHA-256", sum}}, Licences: []licence{{"Apache-2.0"}}}
	for _, key := range []string{"GOOS", "GOARCH", "CGO_ENABLED", "-trimpath", "vcs.revision", "vcs.time"} {
		if value := p.setting(key); value != "" {
			whole.Properties = append(whole.Properties, property{"go:build:" + key, value})
		}
	}
	d := document{Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6",
		Version: 1, Metadata: metadata{whole}, Dependencies: []dependency{{Ref: url}}}
	for _, part := range parts {
		url := purl(part.path, part.version)
		c := component{Type: "library", Ref: url, Name: part.path, Version: part.version, URL: url,
			Licences: []licence{{strings.Join(part.licences(), " AND ")}}}
		if part.sum != "" {
			c.Properties = []property{{"go:sum", part.sum}}
		}
		d.Components = append(d.Components, c)
		d.Dependencies[0].On = append(d.Dependencies[0].On, url)
		d.Dependencies = append(d.Dependencies, dependency{Ref: url})
	}
	text, err := json.MarshalIndent(d, "", "  ")
	return append(text, '\n'), err
}

func sha256of(file string) (string, error) {
	f, err := readfile.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
