package sfu

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"khamxa/internal/fault"
)

const (
	socketBuffer  = 4 << 20 // bytes asked of the kernel; it may give less
	maxTCP        = 1024    // ICE-TCP connections at one time; further ones are closed at once
	tcpReadBuffer = 64      // packets that may wait in one TCP connection
	portAttempts  = 16      // tries to find one port that is free for UDP and TCP
)

// sockets are what a node listens on: one UDP socket per address, all on one port, and at most one TCP listener.
type sockets struct {
	addrs    []netip.AddrPort
	loopback bool // an address is a loopback one
	udp      []ice.UDPMux
	udpMux   ice.UDPMux
	tcpMux   ice.TCPMux
	closing  sync.Once
}

// listen opens the sockets that the options ask for.
func listen(o Options) (*sockets, error) {
	const op = "sfu.New"
	udp, err := parseAddr(o.ListenUDP, "listenUDP")
	if err != nil {
		return nil, err
	}
	var tcp netip.AddrPort
	switch o.ListenTCP {
	case "none":
	case "":
		tcp = udp
	default:
		if tcp, err = parseAddr(o.ListenTCP, "listenTCP"); err != nil {
			return nil, err
		}
	}
	// With port 0 the kernel picks the UDP port; TCP is to have the same one, which somebody else may hold.
	var last error
	for range portAttempts {
		s, err := listenOn(udp, tcp, o.ListenTCP == "")
		if err == nil {
			return s, nil
		}
		last = err
		if udp.Port() != 0 {
			break
		}
	}
	return nil, fault.Wrap(last, fault.Unavailable, op, fmt.Sprintf("The media node cannot listen on %s: the address is in use or not of this machine.", o.ListenUDP))
}

func parseAddr(s, path string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return a, &fault.Error{
			Code: fault.Invalid, Op: "sfu.New", Path: path, Err: err,
			Message: "An address to listen on is an IP address and a port, such as 192.0.2.10:7882.",
		}
	}
	return a, nil
}

func listenOn(udp, tcp netip.AddrPort, samePort bool) (_ *sockets, err error) {
	ips := []netip.Addr{udp.Addr()}
	if udp.Addr().IsUnspecified() {
		if ips, err = interfaceAddrs(udp.Addr().Is4()); err != nil {
			return nil, err
		}
	}
	s := &sockets{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	port := udp.Port()
	for _, ip := range ips {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, port)))
		if err != nil {
			return nil, err
		}
		// Best effort: the kernel caps them at net.core.rmem_max and wmem_max.
		_ = conn.SetReadBuffer(socketBuffer)
		_ = conn.SetWriteBuffer(socketBuffer)
		bound := conn.LocalAddr().(*net.UDPAddr).AddrPort()
		port = bound.Port()
		s.addrs = append(s.addrs, bound)
		s.loopback = s.loopback || ip.IsLoopback()
		s.udp = append(s.udp, webrtc.NewICEUDPMux(discardLogger{}, conn))
	}
	s.udpMux = s.udp[0]
	if len(s.udp) > 1 {
		s.udpMux = ice.NewMultiUDPMuxDefault(s.udp...)
	}
	if !tcp.IsValid() {
		return s, nil
	}
	if samePort {
		tcp = netip.AddrPortFrom(tcp.Addr(), port)
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(tcp))
	if err != nil {
		return nil, err
	}
	s.tcpMux = webrtc.NewICETCPMux(discardLogger{}, newLimited(l, maxTCP), tcpReadBuffer)
	return s, nil
}

// interfaceAddrs lists this machine's addresses, without loopback, link-local and multicast ones. A machine with only loopback gives that.
func interfaceAddrs(only4 bool) ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, a := range list {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		ip := prefix.Addr()
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || only4 && !ip.Is4() {
			continue
		}
		addrs = append(addrs, ip)
	}
	if len(addrs) == 0 {
		addrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return addrs, nil
}

// listens tells whether ip is one of the addresses that the node is bound to.
func (s *sockets) listens(ip net.IP) bool {
	addr, ok := netip.AddrFromSlice(ip)
	for _, a := range s.addrs {
		if ok && a.Addr().Unmap() == addr.Unmap() {
			return true
		}
	}
	return false
}

func (s *sockets) close() {
	s.closing.Do(func() {
		for _, m := range s.udp {
			_ = m.Close()
		}
		if s.tcpMux != nil {
			_ = s.tcpMux.Close()
		}
	})
}

// limited is a listener that closes connections above a number, so that strangers cannot use up the process's file descriptors.
type limited struct {
	net.Listener
	slots chan struct{}
}

func newLimited(l net.Listener, n int) *limited {
	return &limited{Listener: l, slots: make(chan struct{}, n)}
}

// Accept is part of net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &limitedConn{Conn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
		default:
			_ = c.Close()
		}
	}
}

type limitedConn struct {
	net.Conn
	release func()
}

// Close is part of net.Conn.
func (c *limitedConn) Close() error {
	c.release()
	return c.Conn.Close()
}
