package guard_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/guard"
)

func TestAServerKnowsItsOwnNames(t *testing.T) {
	own := &net.TCPAddr{IP: net.IPv4(192, 168, 1, 5), Port: 80}
	for host, known := range map[string]bool{
		"localhost": true, "LOCALHOST:8080": true, "localhost.": true, "127.0.0.1:1": true, "[::1]:8080": true,
		"192.168.1.5": true, "box.lan:80": true, "evil.example": false, "localhost.evil.example": false,
		"evil-box.lan": false,
		"192.168.1.6":  false, "": false, "127.0.0.1.evil.example": false,
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

func TestTheSchemeOfATokenIsOfAnyCase(t *testing.T) {
	for header, want := range map[string]string{
		"Bearer sesame": "sesame", "bearer sesame": "sesame", "BEARER   sesame  ": "sesame", "bEaReR\tsesame": "sesame",
		"sesame": "", "Basic sesame": "", "Bearersesame": "", "Bearer": "", "Bearer ": "", "": "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", header)
		require.Equal(t, want, guard.Bearer(r), header)
	}
}

func TestAClientIsWhoTrustedProxiesSay(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")}
	for _, c := range []struct {
		reason, from, want string
		forwarded          []string
	}{
		{"an address without its port", "192.0.2.7:4711", "192.0.2.7", nil},
		{"a stranger's word does not count", "192.0.2.7:1", "192.0.2.7", []string{"1.1.1.1"}},
		{"a proxy's does", "10.0.0.2:1", "1.1.1.1", []string{"1.1.1.1"}},
		{"what the client said of itself does not", "10.0.0.2:1", "1.1.1.1", []string{"8.8.8.8, 1.1.1.1"}},
		{"proxies behind each other", "127.0.0.1:1", "1.1.1.1", []string{"8.8.8.8,1.1.1.1", "10.9.9.9"}},
		{"with a port", "10.0.0.2:1", "1.1.1.1", []string{"1.1.1.1:999"}},
		{"no address", "10.0.0.2:1", "10.0.0.2", []string{"unknown"}},
		{"none at all", "10.0.0.2:1", "10.0.0.2", nil},
		{"all are proxies", "10.0.0.2:1", "10.0.0.3", []string{"10.0.0.3"}},
		{"version 4 in version 6", "[::ffff:192.0.2.7]:1", "192.0.2.7", nil},
		{"a network of version 6", "[2001:db8:1:2:3::4]:1", "2001:db8:1:2::/64", nil},
		{"the same through a proxy", "10.0.0.2:1", "2001:db8:1:2::/64", []string{"2001:db8:1:2:9::9"}},
		{"machines of one link", "[fe80::7%eth0]:1", "fe80::7%eth0", nil},
		{"this machine", "[::1]:1", "::1", nil},
		{"a socket without addresses", "@", "@", []string{"1.1.1.1"}},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = c.from, c.forwarded
		require.Equal(t, c.want, guard.Client(r, proxies), c.reason)
	}
}
