package serve

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"fettle/internal/guard"
)

// pagePolicy lets pages load scripts, styles and data from this server alone.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guarded passes permitted requests on to next, turns a panic into a response, and logs method, path, status and time
// of each request, never its content.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, id := time.Now(), newID("req-")
		watched := &watched{ResponseWriter: w, wait: s.limits.write}
		defer func() {
			if value := recover(); value != nil {
				if err := newPanicked(value); watched.status == 0 {
					s.refuse(watched, r, err)
				} else {
					s.classify(watched, r, err)
				}
			}
			took, k := time.Since(began), ""
			if key, ok := s.key(r); ok && len(s.o.Keys) > 1 {
				k = " with key " + key.Name
			}
			s.o.Log.Info().Str("id", id).Str("method", r.Method).Str("path", r.URL.Path).Int("status", watched.status).
				Dur("took", took).Msgf("%s %s%s: %s in %s", r.Method, shown(r.URL.Path), k,
				answered(watched.status), roughly(took))
		}()
		h := watched.Header()
		h.Set("X-Request-Id", id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", pagePolicy)
		if s.admitted(watched, r) {
			r.Body = http.MaxBytesReader(watched, r.Body, s.o.MaxBody)
			next.ServeHTTP(watched, r)
		}
	})
}

// admitted checks host, origin, token and content type. It answers requests that fail and preflight requests itself and
// returns false.
func (s *Server) admitted(w http.ResponseWriter, r *http.Request) bool {
	if !guard.KnownHost(r, s.o.Hosts) {
		fail(w, http.StatusForbidden, "",
			"unknown host: allowed are the server's addresses, localhost and its configured names")
		return false
	}
	if origin := r.Header.Get("Origin"); origin != "" && !s.knownOrigin(origin, r) {
		fail(w, http.StatusForbidden, "", "requests from web pages elsewhere are not allowed")
		return false
	} else if origin != "" && slices.Contains(s.o.Origins, origin) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Vary", "Origin")
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
			w.WriteHeader(http.StatusNoContent)
			return false
		}
	}
	if strings.HasPrefix(r.URL.Path, "/v1/") && len(s.o.Keys) > 0 {
		if _, ok := s.key(r); !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			fail(w, http.StatusUnauthorized, "", "a key is required: Authorization: Bearer …")
			return false
		}
	}
	if r.Method == http.MethodPost {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			fail(w, http.StatusUnsupportedMediaType, "", fmt.Sprintf("Content-Type is %q, want application/json: "+
				"curl -H 'Content-Type: application/json'", r.Header.Get("Content-Type")))
			return false
		}
	}
	return true
}

// knownOrigin reports whether a page of this origin may send requests: the server's own, or one of Options.Origins.
func (s *Server) knownOrigin(origin string, r *http.Request) bool {
	return guard.OwnOrigin(r) || slices.Contains(s.o.Origins, origin)
}

// answered words a status, of which a client that has gone gets none.
func answered(status int) string {
	if status == 0 {
		return "the client has gone"
	}
	return strconv.Itoa(status) + " " + http.StatusText(status)
}

// shown is a path without what could move the cursor of a terminal.
func shown(path string) string {
	quoted := strconv.QuoteToGraphic(path)
	return quoted[1 : len(quoted)-1]
}

// roughly rounds a time to three digits.
func roughly(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}

// watched records the status of a response, and disconnects clients that do not take a piece of it in time.
type watched struct {
	http.ResponseWriter
	status int
	wait   time.Duration
}

func (w *watched) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.wait))
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find the connection.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func newID(prefix string) string {
	var b [12]byte
	rand.Read(b[:])
	return prefix + hex.EncodeToString(b[:])
}
