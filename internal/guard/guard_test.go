package guard_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/guard"
)

func TestAServerKnowsItsOwnNames(t *testing.T) {
	own := &net.TCPAddr{IP: net.IPv4(192, 168, 1, 5), Port: 80}
	for host, known := range map[string]bool{
		"localhost": true, "LOCALHOST:8080": true, "localhost.": true, "127.0.0.1:1": true, "[::1]:8080": true,
		"192.168.1.5": true, "box.lan:80": true, "evil.example": false, "localhost.evil.example": false,
		"192.168.1.6": false, "": false, "127.0.0.1.evil.example": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, own))
		require.Equal(t, known, guard.KnownHost(r, []string{"box.lan"}), host)
	}
}

func TestOnlyTheServersPagesAreItsOwn(t *testing.T) {
	for origin, own := range map[string]bool{
		"http://localhost:8080": true, "https://localhost:8080": true, "http://localhost": false, "null": false, "": false,
		"http://evil.example": false,
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Host = "localhost:8080"
		r.Header.Set("Origin", origin)
		require.Equal(t, own, guard.OwnOrigin(r), origin)
	}
}

func TestLoopbackIsThisMachineAlone(t *testing.T) {
	for ip, is := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "0.0.0.0": false, "10.0.0.1": false,
	} {
		require.Equal(t, is, guard.Loopback(&net.TCPAddr{IP: net.ParseIP(ip)}), ip)
	}
	require.False(t, guard.Loopback(&net.UnixAddr{}))
}
