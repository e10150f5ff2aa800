package mpi

import (
	"os"
	"path/filepath"
	"slices"
)

// beside lists the libraries that were installed with the launcher: where several are on a machine, the first that the
// system finds need not be the launcher's.
func (k kind) beside(programs []string) (paths []string) {
	for _, program := range programs {
		if !slices.Contains(k.daemons, filepath.Base(program)) {
			continue
		}
		for _, dir := range []string{"lib", "lib64", "lib/release"} { // the last one is Intel MPI's, until 2021.9
			for _, name := range slices.Concat(k.library, standard) {
				path := filepath.Join(filepath.Dir(program), "..", dir, name)
				if _, err := os.Stat(path); err == nil {
					paths = append(paths, path)
				}
			}
		}
	}
	return paths
}
