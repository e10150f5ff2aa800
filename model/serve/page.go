package serve

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"path"

	"fettle/internal/look"
)

//go:embed page
var pages embed.FS

// page serves a file of the chat page: the one of this name, or the one that the path names.
func (s *Server) page(name string) http.HandlerFunc {
	files, err := fs.Sub(pages, "page")
	if err != nil {
		panic(err) // the files are part of the program
	}
	return func(w http.ResponseWriter, r *http.Request) {
		name := name
		if name == "" {
			name = r.PathValue("file")
		}
		text, err := fs.ReadFile(files, name)
		if name == "look.css" {
			text, err = []byte(look.CSS()), nil
		}
		if err != nil {
			s.notFound(w, r)
			return
		}
		if name == "index.html" {
			text = bytes.Replace(text, []byte(`href="data:,"`), []byte(`href="`+look.Icon()+`"`), 1)
		}
		w.Header().Set("Content-Type", kind(name))
		w.Header().Set("Cache-Control", "no-cache")
		w.Write(text)
	}
}

// kind returns a file's media type, whatever the machine's own table says.
func kind(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	}
	return "application/octet-stream"
}
