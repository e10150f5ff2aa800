package serve

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hung says that a test has waited in vain.
var hung atomic.Bool

// patience is the longest time that a test waits for a server, which then fails by name. A server that hangs does so in
// many tests: after the first, the others wait no longer than it takes to see that.
func patience() time.Duration {
	if hung.Load() {
		return time.Second
	}
	return 10 * time.Second
}

// await waits until a condition is true.
func await(t *testing.T, condition func() bool, why ...any) {
	t.Helper()
	if !assert.Eventually(t, condition, patience(), time.Millisecond, why...) {
		hung.Store(true)
		t.FailNow()
	}
}

// receive returns the next value of a channel that must come within patience.
func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience()):
		hung.Store(true)
		require.FailNow(t, "nothing happens any more")
		panic("unreachable")
	}
}

// answer returns the response to a request, or one with status 0 if there is none within patience.
func answer(t testing.TB, s http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		s.ServeHTTP(w, r)
	}()
	select {
	case <-done:
		return w
	case <-time.After(patience()):
		hung.Store(true)
		t.Error("the server does not answer")
		return &httptest.ResponseRecorder{}
	}
}

// newPost returns a request of a client on this machine.
func newPost(path, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://localhost:8080"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// post sends a request.
func post(t testing.TB, s http.Handler, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	return answer(t, s, newPost(path, body))
}

// listen runs a server until the test ends and returns its address.
func listen(t *testing.T, s *Server) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, receive(t, ended))
	})
	return l.Addr().String()
}

// dial opens a connection that ends with the test, or with patience.
func dial(t *testing.T, at string) *net.TCPConn {
	c, err := net.DialTimeout("tcp", at, patience())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience())))
	return c.(*net.TCPConn)
}

// ask returns the whole response to a completion's request, or why there is none.
func ask(t *testing.T, at, body string) string {
	client := http.Client{Timeout: patience()}
	defer client.CloseIdleConnections()
	r, err := client.Post("http://"+at+"/v1/completions", "application/json", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// inside returns how many requests wait or are answered.
func inside(s *Server) int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return s.turns.inside
}
