package serve

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestOnlyPermittedRequestsPass(t *testing.T) {
	const page, json = "https://example.org", "application/json"
	open := Options{Hosts: []string{"tuner.lan"}, Origins: []string{page}}
	locked := Options{Token: "sesame"}
	for _, c := range []struct {
		name                      string
		o                         Options
		host, origin, kind, token string
		status                    int
	}{
		{"localhost", open, "localhost:8080", "", json, "", 200},
		{"loopback", open, "127.0.0.1", "", json, "", 200},
		{"loopback, version 6", open, "[::1]:80", "", json, "", 200},
		{"a configured name", open, "Tuner.LAN:8080", "", json, "", 200},
		{"a name bound to this address by others", open, "evil.example", "", json, "", 403},
		{"names that look local are not", open, "fettle.local", "", json, "", 403},
		{"another machine's address", open, "192.168.1.5", "", json, "", 403},
		{"no name", open, "", "", json, "", 403},
		{"its own page", open, "localhost:8080", "http://localhost:8080", json, "", 200},
		{"another page", open, "localhost:8080", "http://evil.example", json, "", 403},
		{"a page of another port", open, "localhost:8080", "http://localhost:9", json, "", 403},
		{"a configured page", open, "localhost:8080", page, json, "", 200},
		{"a form", open, "localhost", "", "text/plain", "", 415},
		{"no content type", open, "localhost", "", "", "", 415},
		{"with charset", open, "localhost", "", "application/json; charset=utf-8", "", 200},
		{"no token", locked, "localhost", "", json, "", 401},
		{"another token", locked, "localhost", "", json, "Bearer sesam", 401},
		{"the token", locked, "localhost", "", json, "Bearer sesame", 200},
	} {
		r := httptest.NewRequest(http.MethodPost, "/v1/completions", strings.NewReader(`{"prompt": "a"}`))
		r.Host = c.host
		for key, value := range map[string]string{"Origin": c.origin, "Content-Type": c.kind, "Authorization": c.token} {
			if value != "" {
				r.Header.Set(key, value)
			}
		}
		w := httptest.NewRecorder()
		New(&parrot{}, c.o).ServeHTTP(w, r)
		require.Equal(t, c.status, w.Code, "%s: %s", c.name, w.Body)
		if c.origin == page {
			require.Equal(t, page, w.Header().Get("Access-Control-Allow-Origin"))
		} else {
			require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
		}
	}
}

func TestLargeAndExcessRequestsAreRefused(t *testing.T) {
	p := &parrot{hold: make(chan struct{})}
	s := New(p, Options{Queue: 3})
	w := post(s, "/v1/completions", `{"prompt": "`+strings.Repeat("x", 2<<20)+`"}`)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)

	codes := make(chan int, 50)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			w := post(s, "/v1/completions", `{"prompt": "a"}`)
			if w.Code == http.StatusTooManyRequests {
				require.NotEmpty(t, w.Header().Get("Retry-After"))
			}
			codes <- w.Code
		})
	}
	count := map[int]int{}
	for range 46 {
		count[receive(t, codes)]++
	}
	close(p.hold)
	for range 4 {
		count[receive(t, codes)]++
	}
	all.Wait()
	require.Equal(t, map[int]int{http.StatusOK: 4, http.StatusTooManyRequests: 46}, count)
}

func TestSlowClientsAreDisconnected(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := New(&parrot{}, Options{})
	s.limits.header, s.limits.read = 100*time.Millisecond, 200*time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	for i := range 20 {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer c.Close()
		if i%2 == 0 {
			fmt.Fprint(c, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nX-")
		} else {
			fmt.Fprint(c, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
				"Content-Length: 100\r\n\r\n{")
		}
		defer func() {
			require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
			_, err := io.ReadAll(c)
			require.NoError(t, err, "the server hung up")
		}()
	}
	t.Cleanup(func() {
		stop()
		require.NoError(t, receive(t, ended))
	})
}

// A client that takes nothing of its answer's events holds the engine for no longer than a write may take.
func TestClientsThatDoNotReadAreDisconnected(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &parrot{done: make(chan error, 1)}
	s := New(p, Options{})
	s.limits.write = 200 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.(*net.TCPConn).SetReadBuffer(4096))
	body := `{"stream": true, "prompt": "` + strings.Repeat("x", 200_000) + `"}`
	fmt.Fprintf(c, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n\r\n%s", len(body), body)
	require.ErrorIs(t, receive(t, p.done), os.ErrDeadlineExceeded)
	stop()
	require.NoError(t, receive(t, ended))
}

// patience is the longest time that a test waits for a server.
const patience = 30 * time.Second

// receive returns the next value of a channel that must come within patience.
func receive[T any](t *testing.T, from <-chan T) T {
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing happens any more")
		panic("unreachable")
	}
}

func TestOpenAddressesNeedAToken(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	require.ErrorIs(t, New(&parrot{}, Options{}).Serve(t.Context(), l), ErrExposed)
}

func TestStoppingLetsAnswersEnd(t *testing.T) {
	p := &parrot{hold: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended, answered := make(chan error, 1), make(chan int, 1)
	s := New(p, Options{})
	go func() { ended <- s.Serve(ctx, l) }()
	go func() {
		body := strings.NewReader(`{"prompt": "a"}`)
		r, err := http.Post("http://"+l.Addr().String()+"/v1/completions", "application/json", body)
		if err != nil {
			answered <- 0
			return
		}
		r.Body.Close()
		answered <- r.StatusCode
	}()
	require.Eventually(t, func() bool { return len(s.busy) > 0 }, patience, time.Millisecond)
	stop()
	close(p.hold)
	require.Equal(t, http.StatusOK, receive(t, answered))
	require.NoError(t, receive(t, ended))
}

func TestLogsHoldNoMessageText(t *testing.T) {
	var log bytes.Buffer
	o := Options{Token: "canary-token", Log: zerolog.New(&log)}
	for _, prompt := range []string{"canary-prompt", "fault", "broken", "wrong"} {
		body := strings.NewReader(`{"prompt": "` + prompt + `"}`)
		r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/completions", body)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer canary-token")
		New(&parrot{}, o).ServeHTTP(httptest.NewRecorder(), r)
	}
	require.Equal(t, 4, strings.Count(log.String(), `"path":"/v1/completions","status"`), log.String())
	require.NotContains(t, log.String(), "canary")
	require.NotContains(t, log.String(), "secret prompt")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", o, o, o, o.Token), "canary-token")
}
