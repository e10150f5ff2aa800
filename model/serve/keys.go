package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"fettle/internal/guard"
)

// Secret is a string that prints, formats and marshals as ***.
type Secret string

func (Secret) String() string { return "***" }

// GoString returns ***, for %#v.
func (Secret) GoString() string { return "***" }

// MarshalText returns ***, for JSON and logs.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Key lets requests in. Its name is for the log, and where there are several keys, each is one client.
type Key struct {
	Name   string
	Secret Secret
}

// key returns the key that a request shows. It takes the same time whichever it is.
func (s *Server) key(r *http.Request) (shown Key, ok bool) {
	given := sha256.Sum256([]byte(guard.Bearer(r)))
	for _, k := range s.o.Keys {
		if own := sha256.Sum256([]byte(k.Secret)); subtle.ConstantTimeCompare(given[:], own[:]) == 1 {
			shown, ok = k, true
		}
	}
	return shown, ok
}

// client names the sender of a request: by its key where there are several, else by its address.
func (s *Server) client(r *http.Request) string {
	if k, ok := s.key(r); ok && len(s.o.Keys) > 1 {
		return "key " + k.Name
	}
	return guard.Client(r, s.o.Proxies)
}
