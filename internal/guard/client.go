package guard

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Bearer returns the token of a request's Authorization header (RFC 6750), or "". The scheme's case and the spaces
// behind it do not count.
func Bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(strings.ReplaceAll(r.Header.Get("Authorization"), "\t", " "), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Trim(token, " ")
}

// Client returns the address that a request came from. A proxy's requests come from the last address in
// X-Forwarded-For that is no proxy's: those before it are the sender's own word. One machine may have a whole network
// of 64 bits of IPv6, so it counts as one address.
func Client(r *http.Request, proxies []netip.Prefix) string {
	at, ok := address(r.RemoteAddr)
	if !ok {
		return r.RemoteAddr
	}
	trusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a.WithZone("")) })
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && trusted(at); i-- {
		before, ok := address(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		at = before
	}
	if at.Is6() && !at.IsLinkLocalUnicast() && !at.IsLoopback() {
		network, _ := at.Prefix(64) // 64 bits are not too many
		return network.String()
	}
	return at.String()
}

// address reads an address with or without a port.
func address(text string) (netip.Addr, bool) {
	if both, err := netip.ParseAddrPort(text); err == nil {
		return both.Addr().Unmap(), true
	}
	at, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return at.Unmap(), err == nil
}
