// Package network says where a request comes from, and keeps strangers from being more work than they are worth: the one place that
// believes a proxy's header (Proxies), what counts as one caller for a limit (Group), a limit for each of many callers (Limiter), and the
// operator's word of what was refused (Refusals).
//
// It knows no accounts, no invitations and no rules about them. cmd wraps the whole service in Proxies.Handler; the packages that serve
// strangers (identity and its pages, consult and its pages, signaling/ws) and the audit trail ask Address, and nothing reads RemoteAddr or
// X-Forwarded-For beside it.
package network

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"khamxa/internal/fault"
)

// Proxies are the machines whose X-Forwarded-For is believed. The zero Proxies believes nobody.
type Proxies struct{ prefixes []netip.Prefix }

// Loopback is the proxy on the same machine: 127.0.0.0/8 and ::1.
func Loopback() Proxies {
	return Proxies{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
}

// ParseProxies reads a comma-separated list of addresses ("10.0.0.5"), networks in CIDR notation ("10.0.0.0/24", "2001:db8::/64") and the
// word "loopback". "none" alone is nobody. fault.Invalid for anything else, the empty text included.
func ParseProxies(list string) (Proxies, error) {
	if list == "none" {
		return Proxies{}, nil
	}
	var p Proxies
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "loopback" {
			p.prefixes = append(p.prefixes, Loopback().prefixes...)
			continue
		}
		prefix, err := parsePrefix(item)
		if err != nil {
			return Proxies{}, fault.Wrap(err, fault.Invalid, "network.ParseProxies", "A trusted proxy is an address, a network such as 10.0.0.0/24, or loopback; none trusts nobody.")
		}
		p.prefixes = append(p.prefixes, prefix)
	}
	return p, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		prefix, err := netip.ParsePrefix(s)
		return prefix.Masked(), err
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	ip = ip.Unmap().WithZone("")
	return netip.PrefixFrom(ip, ip.BitLen()), nil
}

func (p Proxies) trusts(ip netip.Addr) bool {
	for _, prefix := range p.prefixes {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// Handler lets Address and From know the client of every request of next. It stands outside of everything that asks them.
func (p Proxies) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address := p.client(r)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), addressKey{}, address)))
	})
}

// client is the connection's peer or, when that is a trusted proxy, the last hop in X-Forwarded-For that is not one: each proxy adds the
// address it was called from at the end, so what stands before a stranger's own address is the stranger's word. When all hops are trusted
// the first of them is the client. A hop that is no address ends the search, and the peer it is.
func (p Proxies) client(r *http.Request) string {
	direct := peer(r)
	ip, err := netip.ParseAddr(direct)
	if err != nil || !p.trusts(ip) {
		return direct
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	client := direct
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			return direct
		}
		client = hop.String()
		if !p.trusts(hop) {
			break
		}
	}
	return client
}

// parseHop reads an address; some proxies add the port.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	ip, err := netip.ParseAddr(s)
	if err != nil {
		withPort, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		ip = withPort.Addr()
	}
	return ip.Unmap().WithZone(""), true
}

// peer is the other end of the connection, without its port; IPv4 is written as IPv4.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return host
}

type addressKey struct{}

// Address is the client's address without a port, as Handler found it; without Handler, the connection's peer.
func Address(r *http.Request) string {
	if address := From(r.Context()); address != "" {
		return address
	}
	return peer(r)
}

// From is Address for those who see no request; "" without Handler.
func From(ctx context.Context) string {
	address, _ := ctx.Value(addressKey{}).(string)
	return address
}

// Group is what counts as one caller for a limit: an IPv4 address, or the /64 that one IPv6 customer has to itself. What is no address is
// one caller too.
func Group(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}
