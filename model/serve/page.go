package serve

import (
	"embed"
	"net/http"
)

//go:embed chat.html chat.css chat.js
var pages embed.FS

// page serves one embedded file of the chat page.
func (s *Server) page(name, kind string) http.HandlerFunc {
	text, err := pages.ReadFile(name)
	if err != nil {
		panic(err) // the files are part of the program
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "no-cache")
		w.Write(text)
	}
}
