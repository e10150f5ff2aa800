package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"fettle/internal/machine"
	"fettle/train/journal"
)

// version is the next release.
const version = "0.1.0"

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionLine())
			return err
		},
	}
}

// versionLine names the version, the commit that was built, the compiler and the system.
func versionLine() string {
	p := built()
	if p.Commit != "" {
		p.Version += " " + p.Commit[:min(12, len(p.Commit))]
	}
	return fmt.Sprintf("fettle %s %s %s/%s", p.Version, p.Go, runtime.GOOS, runtime.GOARCH)
}

// built tells what this program was built of.
func built() journal.Program {
	p := journal.Program{Version: version, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				p.Commit = s.Value
			case "vcs.modified":
				p.Modified = s.Value == "true"
			}
		}
	}
	return p
}

// thisProgram is built with the hash of the program's file, as far as it can be read.
func thisProgram() journal.Program {
	p := built()
	name := "/proc/self/exe" // on Linux: even if the file was replaced meanwhile
	f, err := os.Open(name)
	if err != nil {
		if name, err = os.Executable(); err == nil {
			f, err = os.Open(name)
		}
	}
	if err != nil {
		return p
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err == nil {
		p.SHA256 = hex.EncodeToString(sum.Sum(nil))
	}
	return p
}

// thisMachine describes the machine.
func thisMachine() journal.Machine {
	host, _ := os.Hostname()
	return journal.Machine{Host: host, System: runtime.GOOS + "/" + runtime.GOARCH, Processor: machine.Processor(),
		Threads: runtime.GOMAXPROCS(0)}
}
