// Command fettle tunes LLaMA models with LoRA and LLaMA-Adapter and runs the result.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"

	"fettle/internal/console"
	"fettle/internal/mapped"
	"fettle/internal/suggest"
)

func main() { os.Exit(run(invoked(os.Args[0]), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run runs the program, which the user calls by name, and returns its exit code. The first interrupt asks the command
// to stop where it can be continued, the second kills it.
func run(name string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := newRoot()
	callBy(root, name)
	root.SetIn(stdin)
	say := console.New(stdout, stderr)
	defer say.Flush()
	if asksJSON(args) {
		say.JSON(true)
	}
	root.SetOut(say.Out())
	root.SetErr(say.Err())
	name = commandOf(root, args)
	if makesFiles(name) {
		goOnUnread()
	}
	err := interruptible(ctx, say, func(ctx context.Context) error {
		return mapped.Call(func() error { return carryOut(ctx, root, args) })
	})
	say.FreshLine()
	if err == nil && !makesFiles(name) {
		err = say.Lost()
	}
	return report(say.Err(), inWords(err, name))
}

// commandOf names the command of a command line.
func commandOf(root *cobra.Command, args []string) string {
	if cmd, _, err := root.Find(args); err == nil {
		return strings.TrimPrefix(cmd.CommandPath(), root.CommandPath()+" ")
	}
	return ""
}

// unknownCommand names the word that cobra's error is about, and the command nearest to it.
func unknownCommand(root *cobra.Command, args []string, err error) error {
	cmd, _, _ := root.Traverse(args)
	var names []string
	for _, c := range cmd.Commands() {
		names = append(append(names, c.Name()), c.Aliases...)
	}
	word := ""
	if _, e := fmt.Sscanf(err.Error(), "unknown command %q", &word); e != nil {
		return usage(err)
	}
	return usage(fmt.Errorf("unknown command %q%s\n%s --help lists its commands",
		word, suggest.DidYouMean(word, names, ""), cmd.CommandPath()))
}

// newRoot makes the program's commands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "fettle",
		Short: "Tune LLaMA models on ordinary machines and run the result", Version: versionLine(),
		Long: `fettle tunes LLaMA models with LoRA and LLaMA-Adapter and runs the result:
one program, no Python, no GPU, no network.

fettle COMMAND --help explains a command, fettle help COMMAND all of its flags.
Flags are spelled --learning_rate or --learning-rate; every setting can also
come from a YAML file (--config) or the environment (FETTLE_LEARNING_RATE).

Exit codes:
  0 done
  64 wrong usage or setting
  65 wrong data, or a loss that is not finite
  66 an input is missing
  70 a fault of the program
  73 the output directory, or the port, is in use
  74 an input/output error, such as a full disk
  75 stopped, by Ctrl-C or a signal, with the state kept: the same command goes on
  77 refused for safety, or for lack of memory or disk`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetHelpCommand(newHelp(root))
	root.SetHelpFunc(printHelp)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd, err) })
	root.AddCommand(newTrain(), newGenerate(), newChat(), newPlan(), newInspect(), newInit(), newServe(), newMerge(),
		newExport(), newConvert(), newDemo(), newRuns(), newBench(), newDoctor(), newVersion())
	return root
}
