package main

import (
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"fettle/model/serve"
)

// serveUntilStopped serves until an interrupt, which is an end before its time, or until the system ends services.
func serveUntilStopped(cmd *cobra.Command, s *serve.Server, l net.Listener) error {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	defer signal.Stop(asked)
	defer hold(cmd.Context(), "The server ends with the answers that it has begun; Ctrl-C again ends it at once.")()
	if err := s.Serve(cmd.Context(), l); err != nil {
		return err
	}
	select {
	case <-asked:
		return nil
	default:
		return stopped("serve: stopped")
	}
}
