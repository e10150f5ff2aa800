package serve

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheChatPageLoadsNothingFromElsewhere(t *testing.T) {
	s := New(&parrot{}, Options{Keys: []Key{{"", "secret"}}})
	get := func(name string) *httptest.ResponseRecorder {
		return answer(t, s, httptest.NewRequest(http.MethodGet, "http://localhost/"+name, nil))
	}
	files, err := fs.ReadDir(pages, "page")
	require.NoError(t, err)
	kinds := map[string]string{
		".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	}
	names, uses := []string{"", "look.css"}, regexp.MustCompile(`(?:src|href)="/([^"]+)"|from "\./([^"]+)"`)
	for _, f := range files {
		names = append(names, f.Name())
	}
	for _, name := range names {
		w := get(name)
		require.Equal(t, http.StatusOK, w.Code, name)
		want := kinds[path.Ext(name)]
		if name == "" {
			want = kinds[".html"]
		}
		require.Equal(t, want, w.Header().Get("Content-Type"), name)
		policy := w.Header().Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'", name)
		require.NotContains(t, policy, "unsafe", name)
		require.NotContains(t, w.Body.String(), "https://", name)
		for _, used := range uses.FindAllStringSubmatch(w.Body.String(), -1) {
			require.Equal(t, http.StatusOK, get(used[1]+used[2]).Code, "%s, of %s", used[0], name)
		}
	}
	require.Contains(t, get("").Body.String(), `href="data:image/svg+xml;base64,`)
	for _, name := range []string{"page.go", "..", "%2e%2e", "page/chat.js", "..%2fserve.go", "nothing.js"} {
		require.NotEqual(t, http.StatusOK, get(name).Code, name)
	}
}

func TestScriptsNeverReadTextAsMarkup(t *testing.T) {
	files, err := fs.Glob(pages, "page/*.js")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		text, err := fs.ReadFile(pages, name)
		require.NoError(t, err)
		for _, danger := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
			"new Function", "createContextualFragment", "setHTML", "DOMParser", "srcdoc"} {
			require.False(t, strings.Contains(string(text), danger), "%s: %s", name, danger)
		}
	}
}
