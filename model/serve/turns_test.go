package serve

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// relay is an engine whose answers begin and end when a test says so.
type relay struct {
	fine
	begun chan string   // gets the prompt of an answer that begins
	end   chan struct{} // ends it
}

func newRelay() *relay { return &relay{begun: make(chan string, 1000), end: make(chan struct{})} }

func (e *relay) Answer(ctx context.Context, r Request, emit func(string) error) (Result, error) {
	e.begun <- r.Prompt
	if err := emit(r.Prompt); err != nil {
		return Result{}, err
	}
	select {
	case <-e.end:
		return Result{NewTokens: 1}, nil
	case <-ctx.Done():
		if strings.HasPrefix(r.Prompt, "silent") {
			return Result{}, ctx.Err()
		}
		return Result{NewTokens: 1}, ctx.Err()
	}
}

// crowd sends requests of many clients and keeps their responses.
type crowd struct {
	*testing.T
	s   *Server
	all sync.WaitGroup

	mu        sync.Mutex
	responses map[string]*httptest.ResponseRecorder
}

func newCrowd(t *testing.T, s *Server) *crowd {
	c := &crowd{T: t, s: s, responses: map[string]*httptest.ResponseRecorder{}}
	t.Cleanup(c.all.Wait) // where the test has failed: its context is done
	return c
}

// send sends prompts from an address, and returns when as many requests as before and one more are inside.
func (c *crowd) send(name, ip, more string, prompts ...string) {
	n := inside(c.s)
	c.sendMore(c.Context(), name, ip, more, prompts...)
	await(c.T, func() bool { return inside(c.s) == n+1 })
}

func (c *crowd) sendMore(ctx context.Context, name, ip, more string, prompts ...string) {
	r := newPost("/v1/completions", fmt.Sprintf(`{"prompt": ["%s"]%s}`, strings.Join(prompts, `", "`), more))
	r = r.WithContext(ctx)
	r.RemoteAddr = ip + ":1"
	c.all.Go(func() {
		w := answer(c, c.s, r)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.responses[name] = w
	})
}

// response waits for the response to a request.
func (c *crowd) response(name string) (w *httptest.ResponseRecorder) {
	await(c.T, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		w = c.responses[name]
		return w != nil
	}, name)
	return w
}

const greedy, ann, ben = "192.0.2.1", "192.0.2.2", "192.0.2.3"

// order ends answers one after another, each when all other requests wait for their turns, and returns the prompts in
// the order in which they began, the current one first.
func (c *crowd) order(e *relay, n int) (all []string) {
	turns := c.s.turns
	for range n {
		all = append(all, receive(c.T, e.begun))
		await(c.T, func() bool {
			turns.mu.Lock()
			defer turns.mu.Unlock()
			return turns.having != nil && len(turns.waiting)+1 == turns.inside
		})
		select {
		case e.end <- struct{}{}:
		case <-time.After(patience()):
			require.FailNow(c, "no answer is computed")
		}
	}
	return all
}

func TestClientsTakeTurnsForEachAnswer(t *testing.T) {
	e := newRelay()
	c := newCrowd(t, New(e, Options{}))
	c.send("g", greedy, "", "g1", "g2", "g3", "g4")
	c.send("h", greedy, `, "n": 2`, "h")
	c.send("a", ann, "", "a1", "a2")
	c.send("b", ben, "", "b")
	require.Equal(t, []string{"g1", "a1", "b", "h", "a2", "g2", "h", "g3", "g4"}, c.order(e, 9),
		"clients in turn, and within one its requests")
	c.all.Wait()
	for name, texts := range map[string]string{"g": "g1 g2 g3 g4", "h": "h h", "a": "a1 a2", "b": "b"} {
		w := c.response(name)
		require.Equal(t, http.StatusOK, w.Code)
		for i, text := range strings.Fields(texts) {
			require.Contains(t, w.Body.String(), fmt.Sprintf(`"index":%d,"text":"%s"`, i, text))
		}
	}
	require.Zero(t, inside(c.s))
	require.Empty(t, c.s.turns.clients, "nothing is kept of clients that have gone")
}

// A client that comes anew queues up behind those who wait, however seldom it came before.
func TestClientsThatComeAnewQueueUp(t *testing.T) {
	e := newRelay()
	c := newCrowd(t, New(e, Options{}))
	c.send("b", ben, "", "b1", "b2")
	c.send("g", greedy, "", "g1", "g2")
	require.Equal(t, []string{"b1"}, c.order(e, 1))
	require.Equal(t, "g1", receive(t, e.begun))
	c.send("a", ann, "", "a")
	e.begun <- "g1"
	require.Equal(t, []string{"g1", "b2", "a", "g2"}, c.order(e, 4))
	c.all.Wait()
}

func TestAKeyIsAClientWhereThereAreSeveral(t *testing.T) {
	of := func(keys []Key, ip, token string) string {
		r := newPost("/v1/completions", "")
		r.RemoteAddr = ip + ":1"
		r.Header.Set("Authorization", "Bearer "+token)
		return New(fine{}, Options{Keys: keys}).client(r)
	}
	two := []Key{{"x", "1"}, {"y", "2"}}
	require.Equal(t, of(two, ann, "1"), of(two, ben, "1"))
	require.NotEqual(t, of(two, ann, "1"), of(two, ann, "2"))
	require.NotEqual(t, of(two[:1], ann, "1"), of(two[:1], ben, "1"), "one key for all tells nobody apart")
}

// Whatever one client sends, others find room: a full queue gives up the newest request of the client with most.
func TestAFullQueueMakesRoomForOtherClients(t *testing.T) {
	e := newRelay()
	c := newCrowd(t, New(e, Options{Queue: 3}))
	for i := range 4 {
		c.send(fmt.Sprint("g", i), greedy, `, "stream": true`, "g", "more")
	}
	c.sendMore(t.Context(), "g4", greedy, "", "g")
	w := c.response("g4")
	require.Equal(t, http.StatusTooManyRequests, w.Code, "one client has the whole queue, and no more")
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	require.Contains(t, w.Body.String(), `"code":"rate_limit_exceeded"`)

	c.sendMore(t.Context(), "a", ann, "", "a")
	w = c.response("g3")
	require.Equal(t, http.StatusTooManyRequests, w.Code, "the newest goes")
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	c.sendMore(t.Context(), "b", ben, "", "b")
	require.Equal(t, http.StatusTooManyRequests, c.response("g2").Code)
	c.sendMore(t.Context(), "a2", ann, "", "a2")
	require.Equal(t, http.StatusTooManyRequests, c.response("a2").Code, "no client has more than its own would then")

	require.Equal(t, []string{"g", "a", "b", "g", "more", "more"}, c.order(e, 6))
	c.all.Wait()
	for _, name := range []string{"a", "b", "g0", "g1"} {
		require.Equal(t, http.StatusOK, c.response(name).Code, name)
	}
}

// Requests that have had a turn are no exception: else a queue of them would shut others out.
func TestRequestsBetweenTurnsMakeRoomToo(t *testing.T) {
	e := newRelay()
	c := newCrowd(t, New(e, Options{Queue: 2}))
	for i := range 3 {
		c.send(fmt.Sprint("g", i), greedy, `, "stream": true`, "g", "more")
	}
	require.Equal(t, []string{"g", "g", "g"}, c.order(e, 3))
	require.Equal(t, "more", receive(t, e.begun))
	c.sendMore(t.Context(), "a", ann, "", "a")
	w := c.response("g2")
	require.Contains(t, w.Body.String(), `"text":"g"`)
	require.Contains(t, w.Body.String(), `data: {"error":{"message":"other clients need the places`)
	require.NotContains(t, w.Body.String(), "[DONE]")
	e.begun <- "more"
	require.Equal(t, []string{"more", "a", "more"}, c.order(e, 3))
	require.Equal(t, http.StatusOK, c.response("a").Code)
	c.all.Wait()
}

func TestAClientThatGoesWhileItWaitsLeavesTheQueue(t *testing.T) {
	e := newRelay()
	c := newCrowd(t, New(e, Options{}))
	c.send("g", greedy, "", "g")
	ctx, gone := context.WithCancel(t.Context())
	c.sendMore(ctx, "a", ann, "", "a")
	await(t, func() bool { return inside(c.s) == 2 })
	gone()
	require.Empty(t, c.response("a").Body)
	require.Equal(t, 1, inside(c.s))
	c.send("b", ben, "", "b")
	require.Equal(t, []string{"g", "b"}, c.order(e, 2))
	c.all.Wait()
	require.Empty(t, e.begun, "nothing is computed for it")
}

func TestAClientThatGoesFreesItsTurn(t *testing.T) {
	e := newRelay()
	s := New(e, Options{})
	at := listen(t, s)
	for _, more := range []string{"", `, "stream": true`} {
		conn := dial(t, at)
		body := `{"prompt": "a"` + more + `}`
		_, err := fmt.Fprintf(conn, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
			"Content-Length: %d\r\n\r\n%s", len(body), body)
		require.NoError(t, err)
		require.Equal(t, "a", receive(t, e.begun))
		require.NoError(t, conn.Close())
		await(t, func() bool { return inside(s) == 0 })
	}
	close(e.end)
	require.Contains(t, ask(t, at, `{"prompt": "next", "stream": true}`), "[DONE]")
}

func TestRequestsHaveAnEnd(t *testing.T) {
	for _, c := range []struct{ reason, body, want, header string }{
		{"an answer that has begun is cut", `{"prompt": "a"}`, `"text":"a","finish_reason":"length"`, ""},
		{"so it is in events", `{"prompt": "a", "stream": true}`, `"text":"","finish_reason":"length"`, ""},
		{"one that has not is an error", `{"prompt": "silent"}`, `"code":"request_timeout"`, "X-Should-Retry"},
		{"so are answers that are missing", `{"prompt": ["a", "b"]}`, `"code":"request_timeout"`, "X-Should-Retry"},
		{"so they are in events", `{"prompt": ["a", "b"], "stream": true}`,
			`data: {"error":{"message":"the request took`, ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			w := post(t, New(newRelay(), Options{Timeout: 300 * time.Millisecond}), "/v1/completions", c.body)
			require.Contains(t, w.Body.String(), c.want)
			require.Equal(t, c.header == "", w.Code == http.StatusOK)
			if c.header != "" {
				require.Equal(t, http.StatusGatewayTimeout, w.Code)
				require.Equal(t, "false", w.Header().Get(c.header))
			}
		})
	}
	t.Run("waiting counts", func(t *testing.T) {
		t.Parallel()
		e := newRelay()
		c := newCrowd(t, New(e, Options{}))
		c.send("g", greedy, "", "g")
		c.s.o.Timeout = 100 * time.Millisecond
		w := post(t, c.s, "/v1/completions", `{"prompt": "a"}`)
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Contains(t, w.Body.String(), `"code":"overloaded"`)
		require.Equal(t, "5", w.Header().Get("Retry-After"))
		require.Equal(t, []string{"g"}, c.order(e, 1))
		c.all.Wait()
	})
}

// broken panics in the middle of an answer.
type broken struct{ fine }

func (broken) Answer(_ context.Context, r Request, emit func(string) error) (Result, error) {
	if r.Prompt == "fine" {
		return Result{}, emit("fine")
	}
	emit("half")
	panic("secret " + r.Prompt)
}

func TestAPanicIsAnErrorOfItsRequest(t *testing.T) {
	s := New(broken{}, Options{})
	w := post(t, s, "/v1/completions", `{"prompt": "canary"}`)
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.Contains(t, w.Body.String(), "its log has the request "+w.Header().Get("X-Request-Id"))
	w = post(t, s, "/v1/completions", `{"prompt": "canary", "stream": true}`)
	require.Contains(t, w.Body.String(), `"text":"half"`)
	require.Contains(t, w.Body.String(), `data: {"error":{"message":"a fault of the server`)
	require.NotContains(t, w.Body.String(), "canary")
	require.Contains(t, post(t, s, "/v1/completions", `{"prompt": "fine"}`).Body.String(), `"text":"fine"`)
}

func TestLongerAnswersThanTheServerAllowsAreRefused(t *testing.T) {
	s := New(&parrot{}, Options{MaxTokens: 5})
	for field, most := range map[string]bool{"max_tokens": true, "max_completion_tokens": true} {
		require.Equal(t, most, post(t, s, "/v1/completions", `{"prompt": "a", "`+field+`": 5}`).Code == http.StatusOK)
		w := post(t, s, "/v1/completions", `{"prompt": "a", "`+field+`": 6}`)
		require.Equal(t, http.StatusBadRequest, w.Code)
		require.Contains(t, w.Body.String(), field+" is 6, this server allows at most 5")
		require.Equal(t, field, parse(t, w.Body.String())["error"].(map[string]any)["param"])
	}
	w := answer(t, s, httptest.NewRequest(http.MethodGet, "http://localhost/v1/models/base", nil))
	require.EqualValues(t, 5, parse(t, w.Body.String())["max_completion_tokens"])
}
