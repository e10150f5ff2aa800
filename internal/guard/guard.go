// Package guard decides which requests a server on this machine takes: those that name it by an address or a name of
// its own, and those of its own pages.
package guard

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// KnownHost reports whether a request names the server by one of its addresses, as localhost, or by one of names.
// Refusing other names guards against DNS rebinding.
func KnownHost(r *http.Request, names []string) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	same := func(name string) bool { return strings.EqualFold(name, host) }
	if same("localhost") || slices.ContainsFunc(names, same) {
		return true
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return false
	}
	own, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ip.IsLoopback() || own != nil && ip.Equal(own.IP)
}

// OwnOrigin reports whether the page that sent a request came from the server itself.
func OwnOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin == "http://"+r.Host || origin == "https://"+r.Host
}

// Loopback reports whether only this machine can reach an address.
func Loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
