package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"fettle/internal/fault"
	"fettle/train"
	"fettle/train/dashboard"
	pages "fettle/train/report"
)

// watchSettings holds the settings of a run's dashboard.
type watchSettings struct {
	Dashboard string `yaml:"dashboard" group:"output" bare:"127.0.0.1:8377" words:"true=127.0.0.1:8377,false=,none=" help:"serve a page on this machine that shows the run while it goes on and can save and stop it: a port or an address; without a value 127.0.0.1:8377"`
}

// usualDashboard is the address of a dashboard without a value. Another port is taken if it is in use.
const usualDashboard = "127.0.0.1:8377"

// address returns the address to listen on, "" for none.
func (w watchSettings) address() (string, error) {
	text := strings.TrimSpace(w.Dashboard)
	if text == "" {
		return "", nil
	}
	host, port := "", text
	if strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return "", usage(fmt.Errorf("dashboard is %q, want a port or an address such as %s", text, usualDashboard))
		}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", usage(fmt.Errorf("dashboard is %q, want a port from 0 (any free one) to 65535 or an address such as %s",
			text, usualDashboard))
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// listen opens the dashboard's address.
func (w watchSettings) listen() (net.Listener, error) {
	at, err := w.address()
	if at == "" || err != nil {
		return nil, err
	}
	l, err := dashboard.Listen(at)
	if errors.Is(err, syscall.EADDRINUSE) && at == usualDashboard {
		l, err = dashboard.Listen("127.0.0.1:0")
	}
	var resolve *net.DNSError
	switch {
	case errors.Is(err, dashboard.ErrExposed):
		return nil, fault.Mark(err, fault.Refused)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, usage(fmt.Errorf("dashboard: %s is in use; take another port, or 0 for any free one", at))
	case errors.As(err, &resolve):
		return nil, usage(fmt.Errorf("dashboard: there is no address %s", at))
	case err != nil:
		return nil, usage(fmt.Errorf("dashboard: cannot listen on %s: %w", at, err))
	}
	return l, nil
}

// start serves a run's board, if there is to be a dashboard, and lets it cancel the command's context. The function
// that it returns ends the server.
func (w watchSettings) start(cmd *cobra.Command, c train.Config, board *pages.Board) (end func(), err error) {
	l, err := w.listen()
	if l == nil || err != nil {
		return func() {}, err
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	cmd.SetContext(ctx)
	board.Publish(pages.Page{Title: c.OutputDir, Status: pages.Status{Phase: pages.Preparing}})
	serving, over := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		dashboard.New(board, cancel).Serve(serving, l) // without it the run goes on as well
	}()
	fmt.Fprintf(cmd.OutOrStdout(), "Dashboard: http://%s/\n", l.Addr())
	return func() {
		over()
		<-ended
		cancel()
	}, nil
}
