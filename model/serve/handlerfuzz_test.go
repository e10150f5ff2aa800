package serve

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fettle/internal/budget"
)

// FuzzHandler sends any bytes that net/http takes for a request. None is answered with 5xx, and only those that name
// this machine, come from its own page or none, and have the key are answered with 2xx.
func FuzzHandler(f *testing.F) {
	const body = `{"messages": [{"role": "user", "content": "a"}]}`
	for _, seed := range []string{
		"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:8080\r\nContent-Type: application/json\r\n" +
			"Authorization: Bearer sesame\r\nContent-Length: 48\r\n\r\n" + body,
		"POST /v1/completions HTTP/1.1\r\nHost: [::1]:80\r\nContent-Type: application/json\r\nOrigin: http://[::1]:80\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: bearer sesame\r\n\r\n",
		"GET /v1/models/fine HTTP/1.0\r\nHost: box.lan\r\nAuthorization: Bearer sesam\r\n\r\n",
		"OPTIONS /v1/models HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n",
		"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nAuthorization: Bearer sesame\r\n\r\n",
		"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sesam\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"HEAD //v1/models HTTP/1.1\r\nHost: localhost.\r\n\r\n", "CONNECT localhost:1 HTTP/1.1\r\n\r\n",
		"GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"PUT /v1/../x HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	servers := map[bool]http.Handler{false: New(fine{}, Options{Hosts: []string{"box.lan"}}), true: New(fine{},
		Options{Keys: []Key{{"", "sesame"}}})}
	f.Fuzz(func(t *testing.T, raw []byte, locked bool) {
		defer budget.Of(t, len(raw))()
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		r.RemoteAddr = "127.0.0.1:50000"
		w := httptest.NewRecorder()
		servers[locked].ServeHTTP(w, r)
		switch {
		case w.Code >= 500:
			t.Fatalf("%d: %s", w.Code, w.Body)
		case w.Code >= 300:
		case !ours(r.Host, locked):
			t.Fatalf("answered a request to %q", r.Host)
		case !ownPage(r.Header["Origin"], r.Host):
			t.Fatalf("answered a request of %q to %q", r.Header["Origin"], r.Host)
		case locked && strings.HasPrefix(r.URL.Path, "/v1/") && !knows(r.Header.Get("Authorization")):
			t.Fatalf("answered a request with %q", r.Header["Authorization"])
		}
	})
}

// ours reports whether a Host is one of the test's servers, by a rule of its own.
func ours(host string, locked bool) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	ip := net.ParseIP(name)
	return name == "localhost" || name == "box.lan" && !locked || ip != nil && ip.IsLoopback()
}

func ownPage(origins []string, host string) bool {
	return len(origins) == 0 || origins[0] == "" || origins[0] == "http://"+host || origins[0] == "https://"+host
}

func knows(authorization string) bool {
	scheme, token, _ := strings.Cut(authorization, " ")
	return strings.EqualFold(scheme, "bearer") && strings.TrimSpace(token) == "sesame"
}
