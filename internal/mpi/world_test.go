//go:build mpi && linux

package mpi

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/tree"
)

const (
	asRank    = "FETTLE_MPI_RANK" // makes the test's program a rank, which does what the variable names
	ofLibrary = "FETTLE_MPI_LIBRARY"
	installed = "FETTLE_MPI_DIRS" // directories of other MPIs, with bin and lib, as of a list of paths
)

func TestMain(m *testing.M) {
	do := map[string]func(*World) error{
		"meet": meet, "sum": sum, "finish": func(w *World) error {
			fmt.Println("library", w.Path())
			return nil
		},
	}[os.Getenv(asRank)]
	if do == nil {
		os.Exit(m.Run())
	}
	w, err := Join(Options{
		Library: os.Getenv(ofLibrary), Deadline: time.Minute, Getenv: os.Getenv, Say: func(text string) { fmt.Println(text) },
	})
	if err == nil {
		err = do(w)
	}
	if err == nil {
		_, err = w.Close(nil)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("well")
}

// launcher is a command that takes the number of ranks and a program.
type launcher struct {
	name, dir string
	command   []string
}

// ranks returns the command that runs the test's program as n ranks.
func (l launcher) ranks(n int, do, library string) *exec.Cmd {
	cmd := exec.Command(l.command[0], append(slices.Clone(l.command[1:]), "-n", strconv.Itoa(n), os.Args[0])...)
	cmd.Env = append(os.Environ(), asRank+"="+do, ofLibrary+"="+library)
	return cmd
}

// launchers lists those that are installed.
func launchers(t *testing.T) (found []launcher) {
	t.Setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
	t.Setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
	openMPI := []string{"--oversubscribe", "--bind-to", "none"}
	for _, l := range []launcher{
		{"Open MPI", "", append([]string{"mpirun.openmpi"}, openMPI...)}, {"MPICH", "", []string{"mpirun.mpich"}},
	} {
		if _, err := exec.LookPath(l.command[0]); err == nil {
			found = append(found, l)
		}
	}
	for _, dir := range filepath.SplitList(os.Getenv(installed)) {
		l := launcher{filepath.Base(dir), dir, []string{filepath.Join(dir, "bin", "mpiexec")}}
		if _, err := os.Stat(filepath.Join(dir, "lib", "libmpi.so.40")); err == nil {
			l.command = append(l.command, openMPI...)
		}
		found = append(found, l)
	}
	if len(found) == 0 {
		t.Skip("neither Open MPI nor MPICH is installed")
	}
	return found
}

// all runs the test's program as ranks.
func all(t *testing.T, do string) {
	for _, l := range launchers(t) {
		libraries := []string{""}
		if standard, _ := filepath.Glob(filepath.Join(l.dir, "lib", "libmpi_abi.so.?")); l.dir != "" {
			libraries = append(libraries, standard...)
		}
		for _, library := range libraries {
			for _, n := range []int{1, 2, 3, 4} {
				t.Run(fmt.Sprint(l.name, " ", filepath.Base(library), " ", n), func(t *testing.T) {
					out, err := l.ranks(n, do, library).CombinedOutput()
					require.NoError(t, err, "%s", out)
					require.Equal(t, n, strings.Count(string(out), "well"), "%s", out)
				})
			}
		}
	}
}

func TestRanksMeet(t *testing.T)                   { all(t, "meet") }
func TestSumsHaveTheBitsOfOneProcess(t *testing.T) { all(t, "sum") }

// meet gathers texts of many lengths while memory is collected.
func meet(w *World) error {
	rank, size := w.Rank()
	text := func(rank, round int) []byte {
		return bytes.Repeat([]byte{byte(rank), byte(round)}, (rank*31+round*round*977)%50_000)
	}
	for round := range 60 {
		got, err := w.Gather(text(rank, round))
		if err != nil {
			return err
		}
		for r := range size {
			if !bytes.Equal(got[r], text(r, round)) {
				return fmt.Errorf("round %d: rank %d gave something else", round, r)
			}
		}
		if round%7 == 0 {
			runtime.GC()
		}
	}
	big := make([]byte, 40<<20)
	for i := range big {
		big[i] = byte(i >> 3)
	}
	mine := big
	if rank != size-1 {
		mine = nil
	}
	got, err := w.Gather(mine)
	if err == nil && !bytes.Equal(got[size-1], big) {
		err = fmt.Errorf("a large text came out differently")
	}
	return err
}

// sum adds up made-up gradients of several arrays, more than a piece of them, and compares the bits.
func sum(w *World) error {
	rank, size := w.Rank()
	for _, n := range []int{1, 2, 5, 8, 13} {
		widths := []int{3, 1000, 0, 1}
		if n == 5 {
			widths = []int{pieceSize/2 + 11, 7, pieceSize/2 + 100}
		}
		leaf := func(i, a int) []float32 {
			x := make([]float32, widths[a])
			for j := range x { // of many magnitudes
				v := uint32(j*97+i*13+a+1) * 2654435761
				x[j] = float32(int32(v)) / float32(int(1)<<(v%12))
			}
			return x
		}
		for _, shift := range []int{0, 1} { // ranks without a sequence among them
			cuts := make([]int, size+1)
			for r := 1; r < size; r++ {
				cuts[r] = min(n, max(cuts[r-1], n*r/size+shift))
			}
			cuts[size] = n
			var parts [][][]float32
			into := make([][]float32, len(widths))
			for a := range widths {
				nodes := tree.Nodes(cuts[rank], cuts[rank+1])
				for p, node := range nodes {
					if a == 0 {
						parts = append(parts, nil)
					}
					var leaves [][]float32
					for i := node.At; i < node.End(); i++ {
						leaves = append(leaves, leaf(i, a))
					}
					parts[p] = append(parts[p], tree.Unite([]int{0, len(leaves)}, [][][]float32{united(leaves)}))
				}
				into[a] = make([]float32, widths[a])
				if len(parts) > 0 {
					into[a] = parts[0][a]
				}
			}
			if err := w.Sum(cuts, parts, into); err != nil {
				return err
			}
			for a := range widths {
				var leaves [][]float32
				for i := range n {
					leaves = append(leaves, leaf(i, a))
				}
				want := tree.Unite([]int{0, n}, [][][]float32{united(leaves)})
				for j := range want {
					if math.Float32bits(want[j]) != math.Float32bits(into[a][j]) {
						return fmt.Errorf("%d sequences cut at %v, array %d, number %d: %v, want %v", n, cuts, a, j, into[a][j],
							want[j])
					}
				}
			}
		}
	}
	x := []float32{1, float32(rank)}
	if err := w.Reduce(x); err != nil || x[0] != float32(size) || x[1] != float32(size*(size-1)/2) {
		return fmt.Errorf("Reduce: %v, %w", x, err)
	}
	return nil
}

// united adds leaves that begin a tree up to its nodes.
func united(leaves [][]float32) [][]float32 {
	var s tree.Stack
	var out [][]float32
	for i, x := range leaves {
		out = append(out, x)
		for range s.Push(tree.Node{At: i}) {
			k := len(out) - 1
			for j, v := range out[k] {
				out[k-1][j] += v
			}
			out = out[:k]
		}
	}
	return out
}

// Where several are installed, the first that the system finds is the library of one of them. MPICH 5's launcher kills
// ranks, more often than not one of four, if one ends without a word to it.
func TestTheLibraryIsTheLaunchers(t *testing.T) {
	for _, l := range launchers(t) {
		tries := 1
		if l.dir != "" {
			tries = 6
		}
		for range tries {
			out, err := l.ranks(4, "finish", "").CombinedOutput()
			require.NoError(t, err, "%s", out)
			want := map[string]string{"Open MPI": "library libmpi.so.40\n", "MPICH": "library libmpich.so.12\n"}[l.name]
			if l.dir != "" {
				want = "library " + l.dir + "/lib/"
			}
			require.Equal(t, 4, strings.Count(string(out), want), "%s: %s", l.name, out)
		}
	}
}

// Under the launcher of another library every process would be alone.
func TestAnotherLaunchersLibraryIsRefused(t *testing.T) {
	found := map[string]launcher{}
	for _, l := range launchers(t) {
		found[l.name] = l
	}
	for name, library := range map[string]string{"Open MPI": "libmpich.so.12", "MPICH": "libmpi.so.40"} {
		if found["Open MPI"].command == nil || found["MPICH"].command == nil {
			t.Skip("takes both libraries of the system")
		}
		out, err := found[name].ranks(2, "finish", library).CombinedOutput()
		require.Error(t, err, "%s", out)
		require.Contains(t, string(out), "has started 2 processes, and the MPI library sees 1")
		require.Contains(t, string(out), "("+library+") belongs to another launcher")
	}
}
