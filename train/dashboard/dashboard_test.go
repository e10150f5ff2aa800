package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/train/report"
)

func at(step int, phase report.Phase) report.Page {
	return report.Page{Title: "runs/a", Status: report.Status{Phase: phase, Step: step, Steps: 9}}
}

// started serves a board that is at step 1.
func started(t *testing.T, stop func()) (s *Server, url string, end func()) {
	board := &report.Board{}
	board.Publish(at(1, report.Running))
	s = New(board, stop)
	s.pace = time.Millisecond
	l, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	end = func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
			ended <- nil
		case <-time.After(20 * time.Second):
			t.Fatal("the server does not end")
		}
	}
	t.Cleanup(end)
	return s, "http://" + l.Addr().String(), end
}

func TestThePageIsOfItsOwnScriptAlone(t *testing.T) {
	_, url, _ := started(t, nil)
	answer, err := http.Get(url)
	require.NoError(t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	policy := answer.Header.Get("Content-Security-Policy")
	inPage := regexp.MustCompile(`Security-Policy" content="([^"]*)"`).FindStringSubmatch(string(text))[1]
	require.Equal(t, policy, html.UnescapeString(inPage)+"; frame-ancestors 'none'")
	require.Contains(t, policy, "connect-src 'self'")
	require.NotContains(t, policy, "unsafe")
	require.Contains(t, string(text), "1 of 9 steps")
	require.Contains(t, string(text), `id="stop"`)
	for header, want := range map[string]string{
		"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		require.Equal(t, want, answer.Header.Get(header))
	}
}

func TestOnlyTheServersOwnPageActsOnTheRun(t *testing.T) {
	stops := 0
	s := New(&report.Board{}, func() { stops++ })
	for _, c := range []struct {
		why                         string
		method, host, origin, token string
		status                      int
	}{
		{"the page itself", "POST", "127.0.0.1:8377", "http://127.0.0.1:8377", "right", 204},
		{"a program with the token", "POST", "localhost:8377", "", "right", 204},
		{"no token", "POST", "127.0.0.1:8377", "http://127.0.0.1:8377", "", 403},
		{"another token", "POST", "127.0.0.1:8377", "http://127.0.0.1:8377", "wrong", 403},
		{"a page elsewhere", "POST", "127.0.0.1:8377", "http://evil.example", "right", 403},
		{"a page elsewhere that hides its origin", "POST", "127.0.0.1:8377", "null", "right", 403},
		{"a name that was made to lead here", "POST", "evil.example:8377", "http://evil.example:8377", "right", 403},
		{"a link", "GET", "127.0.0.1:8377", "", "right", 405},
	} {
		for _, path := range []string{"/stop", "/save"} {
			before := stops
			s.board.AskedToSave()
			r := httptest.NewRequest(c.method, path, nil)
			r.Host = c.host
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			r.Header.Set(tokenHeader, strings.ReplaceAll(c.token, "right", s.control.Token))
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			require.Equal(t, c.status, w.Code, c.why)
			require.Equal(t, c.status == 204 && path == "/stop", stops > before, c.why)
			require.Equal(t, c.status == 204 && path == "/save", s.board.AskedToSave(), c.why)
		}
	}
}

func TestOnlyThisMachineReachesADashboard(t *testing.T) {
	_, err := Listen("0.0.0.0:0")
	require.ErrorIs(t, err, ErrExposed)
	l, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	require.ErrorIs(t, New(&report.Board{}, nil).Serve(context.Background(), l), ErrExposed)
}

// next reads an event.
func next(t *testing.T, r *bufio.Reader) (e event) {
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	_, err = r.ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &e))
	return e
}

func TestAPageFollowsTheRunToItsEnd(t *testing.T) {
	s, url, end := started(t, nil)
	answer, err := http.Get(url + "/events")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	events := bufio.NewReader(answer.Body)
	first := next(t, events)
	require.Contains(t, first.Parts, "1 of 9 steps")
	require.Equal(t, s.control.Token, first.Token)
	s.board.Publish(at(2, report.Running))
	require.Contains(t, next(t, events).Parts, "2 of 9 steps")
	s.board.Publish(at(9, report.Finished))
	end()
	last := next(t, events)
	for !last.End {
		last = next(t, events)
	}
	require.Contains(t, last.Parts, "9 of 9 steps")
	require.Equal(t, "finished", last.Phase)
}

func TestPagesBeyondTheLimitAreRefused(t *testing.T) {
	_, url, _ := started(t, nil)
	for i := range watchers + 1 {
		answer, err := http.Get(url + "/events")
		require.NoError(t, err)
		defer answer.Body.Close()
		require.Equal(t, i == watchers, answer.StatusCode == http.StatusServiceUnavailable, "page %d", i)
	}
}
