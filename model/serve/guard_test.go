package serve

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
	locked := Options{Keys: []Key{{"", "sesame"}}}
	many := Options{Keys: []Key{{"ann", "sesame"}, {"ben", "linseed"}}}
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
		{"in the case of others", locked, "localhost", "", json, "bearer  sesame ", 200},
		{"the token alone", locked, "localhost", "", json, "sesame", 401},
		{"another scheme", locked, "localhost", "", json, "Basic sesame", 401},
		{"an empty token", locked, "localhost", "", json, "Bearer ", 401},
		{"the first of several", many, "localhost", "", json, "Bearer sesame", 200},
		{"the last of several", many, "localhost", "", json, "Bearer linseed", 200},
		{"none of several", many, "localhost", "", json, "Bearer ann", 401},
	} {
		r := httptest.NewRequest(http.MethodPost, "/v1/completions", strings.NewReader(`{"prompt": "a"}`))
		r.Host = c.host
		for key, value := range map[string]string{"Origin": c.origin, "Content-Type": c.kind, "Authorization": c.token} {
			if value != "" {
				r.Header.Set(key, value)
			}
		}
		w := answer(t, New(&parrot{}, c.o), r)
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
	w := post(t, s, "/v1/completions", `{"prompt": "`+strings.Repeat("x", 2<<20)+`"}`)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)

	codes := make(chan int, 50)
	var all sync.WaitGroup
	end := sync.OnceFunc(func() { close(p.hold) })
	t.Cleanup(func() { end(); all.Wait() })
	for range 50 {
		all.Go(func() {
			w := post(t, s, "/v1/completions", `{"prompt": "a"}`)
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
	end()
	for range 4 {
		count[receive(t, codes)]++
	}
	all.Wait()
	require.Equal(t, map[int]int{http.StatusOK: 4, http.StatusTooManyRequests: 46}, count)
}

func TestSlowClientsAreDisconnected(t *testing.T) {
	s := New(&parrot{}, Options{})
	s.limits.header, s.limits.read = 100*time.Millisecond, 200*time.Millisecond
	at := listen(t, s)
	for i := range 20 {
		c := dial(t, at)
		if i%2 == 0 {
			fmt.Fprint(c, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nX-")
		} else {
			fmt.Fprint(c, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
				"Content-Length: 100\r\n\r\n{")
		}
		defer func() {
			text, err := io.ReadAll(c)
			require.NoError(t, err, "the server hung up")
			if i%2 == 1 {
				require.Contains(t, string(text), "408 Request Timeout")
			}
		}()
	}
}

func TestLargeHeadersAreRefused(t *testing.T) {
	c := dial(t, listen(t, New(&parrot{}, Options{})))
	go fmt.Fprintf(c, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: %s\r\n\r\n", strings.Repeat("x", 64<<10))
	line, err := bufio.NewReader(c).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "431")
}

// deaf sends a request and reads nothing.
func deaf(t *testing.T, at, body string) {
	c := dial(t, at)
	require.NoError(t, c.SetReadBuffer(4096))
	_, err := fmt.Fprintf(c, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(t, err)
}

func TestClientsThatDoNotReadAreDisconnected(t *testing.T) {
	p := &parrot{done: make(chan error, 1), endless: true}
	s := New(p, Options{})
	s.limits.write = 200 * time.Millisecond
	deaf(t, listen(t, s), `{"stream": true, "prompt": "x"}`)
	require.Error(t, receive(t, p.done))
}

// Whether in events or whole, an answer that nobody reads is computed and out of the others' way.
func TestClientsThatDoNotReadHoldNobodyUp(t *testing.T) {
	if testing.Short() {
		t.Skip("50,000 events take their time under the race detector")
	}
	for _, body := range []string{
		`{"stream": true, "prompt": "` + strings.Repeat("x", 50_000) + `"}`,
		`{"n": 60, "prompt": "` + strings.Repeat("x", 200_000) + `"}`,
	} {
		s := New(&parrot{}, Options{})
		s.limits.write, s.limits.grace = time.Hour, time.Millisecond
		at := listen(t, s)
		deaf(t, at, body)
		await(t, func() bool { return inside(s) > 0 })
		await(t, func() bool { return inside(s) == 0 }, "it has left")
		require.Contains(t, ask(t, at, `{"prompt": "next"}`), `"text":"next"`)
	}
}

func TestOpenAddressesNeedAToken(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	ctx, done := context.WithTimeout(t.Context(), patience())
	defer done()
	require.ErrorIs(t, New(&parrot{}, Options{}).Serve(ctx, l), ErrExposed)
}

func TestStoppingLetsAnswersEnd(t *testing.T) {
	p := &parrot{hold: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended, answered := make(chan error, 1), make(chan string, 1)
	s := New(p, Options{})
	go func() { ended <- s.Serve(ctx, l) }()
	go func() { answered <- ask(t, l.Addr().String(), `{"prompt": "a"}`) }()
	await(t, func() bool { return inside(s) > 0 })
	stop()
	close(p.hold)
	require.Contains(t, receive(t, answered), `"text":"a"`)
	require.NoError(t, receive(t, ended))
}

func TestLogsHoldNoMessageText(t *testing.T) {
	var log bytes.Buffer
	o := Options{Keys: []Key{{"ann", "canary-token"}, {"ben", "canary-2"}}, Log: zerolog.New(&log)}
	for _, prompt := range []string{"canary-prompt", "fault", "broken", "wrong"} {
		body := strings.NewReader(`{"prompt": "` + prompt + `"}`)
		r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/completions", body)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer canary-token")
		answer(t, New(&parrot{}, o), r)
	}
	require.Equal(t, 4, strings.Count(log.String(), `"path":"/v1/completions","status"`), log.String())
	require.NotContains(t, log.String(), "canary")
	require.NotContains(t, log.String(), "secret prompt")
	require.Contains(t, log.String(), "is a fault of the server: panic with a string")
	require.Contains(t, log.String(), "POST /v1/completions with key ann: 200 OK")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", o, o, o, o.Keys), "canary-token")
}
