package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// event is a version of the page's parts. A page whose token differs from Token is of an earlier run.
type event struct {
	Token string `json:"token"`
	Phase string `json:"phase"`
	Parts string `json:"parts"`
	End   bool   `json:"end"` // the program ends after this
}

// events sends the parts of the page whenever they change, at most once per pace, and once more at the end.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if s.watching.Add(1) > watchers {
		s.watching.Add(-1)
		http.Error(w, "too many pages follow this run", http.StatusServiceUnavailable)
		return
	}
	defer s.watching.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for {
		ends := s.ended()
		p, _, changed := s.board.Page()
		parts, err := p.Parts()
		if err != nil {
			return
		}
		text, err := json.Marshal(event{s.control.Token, string(p.Status.Phase), string(parts), ends})
		if err != nil {
			return
		}
		out.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if _, err := fmt.Fprintf(w, "data: %s\n\n", text); err != nil || out.Flush() != nil || ends {
			return
		}
		pace := time.After(s.pace)
		select {
		case <-r.Context().Done():
			return
		case <-s.ending:
			continue
		case <-pace:
		}
		select {
		case <-r.Context().Done():
			return
		case <-s.ending:
		case <-changed:
		case <-time.After(15 * time.Second): // finds clients that are gone
		}
	}
}

func (s *Server) ended() bool {
	select {
	case <-s.ending:
		return true
	default:
		return false
	}
}
