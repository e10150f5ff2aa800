package serve_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"fettle/model/serve"
)

// shout answers with the last message in capitals.
type shout struct{}

func (shout) Models() []string { return []string{"shout"} }

func (shout) Card(string) serve.Card { return serve.Card{} }

func (shout) Answer(_ context.Context, r serve.Request, emit func(string) error) (serve.Result, error) {
	return serve.Result{NewTokens: 1}, emit(strings.ToUpper(r.Messages[len(r.Messages)-1].Content))
}

func Example() {
	s := httptest.NewServer(serve.New(shout{}, serve.Options{}))
	defer s.Close()
	body := strings.NewReader(`{"messages": [{"role": "user", "content": "hello"}]}`)
	client := http.Client{Timeout: 10 * time.Second}
	r, err := client.Post(s.URL+"/v1/chat/completions", "application/json", body)
	if err != nil {
		panic(err)
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	fmt.Println(strings.Contains(string(text), `"content":"HELLO"`))
	// Output: true
}
