package main

import (
	"flag"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"khamxa/internal/daemon"
	"khamxa/internal/network"
)

// settings are the flags of serve, checked.
type settings struct {
	data, listen, store, bus, media, publicURL string
	trustedProxy                               string
	mediaListen, mediaPublicIP                 string
	clinicName, clinicPhone                    string
	notify                                     string
	demo, check                                bool
	level                                      slog.Level

	proxies network.Proxies // of trustedProxy, after validate
}

// Values of --store, --bus and --media that are not addresses.
const (
	storeSQLite = "sqlite"
	embedded    = "embedded"
	external    = "external"
)

// defaultMediaPort is where a media node listens when nothing else is said: one that firewalls' documents of other SFUs also name.
const defaultMediaPort = "7882"

func (s *settings) flags() *flag.FlagSet {
	set := flags("serve")
	set.StringVar(&s.data, "data", "", "data `folder`; made if it is not there")
	set.StringVar(&s.listen, "listen", "127.0.0.1:8080", "`host:port` for pages, FHIR and signalling, in plain HTTP: keep it on loopback, behind a proxy that does TLS")
	set.StringVar(&s.publicURL, "public-url", "", "the `address` that people see, https://kham.example.vn; empty: that of each request")
	set.StringVar(&s.trustedProxy, "trusted-proxy", "", "whose X-Forwarded-For says where a request comes from: `addresses` and networks with commas, loopback, or none; empty: loopback when --public-url is https, else none")
	set.StringVar(&s.store, "store", storeSQLite, "where resources are kept: sqlite, in the data folder")
	set.StringVar(&s.bus, "bus", embedded, "what carries events between processes: embedded, or nats://host:port")
	set.StringVar(&s.media, "media", embedded, "embedded: the media process is started and watched; external: a media node (khamxa media) runs elsewhere")
	set.StringVar(&s.mediaListen, "media-listen", "", "`host:port` of the calls' packets, UDP and TCP; empty: a free port of loopback when --listen is there, else 0.0.0.0:"+defaultMediaPort)
	set.StringVar(&s.mediaPublicIP, "media-public-ip", "", "`address` that phones are told to send to, behind one-to-one NAT; several with commas")
	set.StringVar(&s.clinicName, "clinic-name", "", "what patients' pages say about who is calling")
	set.StringVar(&s.clinicPhone, "clinic-phone", "", "whom patients phone when nothing works, as +84...")
	set.StringVar(&s.notify, "notify", "", "where Subscriptions may send: the beginnings of `addresses`, with commas; empty: nowhere, or to this machine when only this machine reaches the service")
	set.TextVar(&s.level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	set.BoolVar(&s.demo, "demo", false, "make demo staff, one patient and one consult, and print how to open them; on loopback only")
	set.BoolVar(&s.check, "check", false, "read the settings, say whether they hold, and do nothing else")
	return set
}

// validate refuses what cannot work, before anything is opened.
func (s *settings) validate() error {
	if s.data == "" {
		return usagef("--data is needed: the data folder")
	}
	if _, _, err := net.SplitHostPort(s.listen); err != nil {
		return usagef("--listen is host:port, such as 127.0.0.1:8080")
	}
	if s.demo && !daemon.Loopback(s.listen) {
		return usagef("--demo makes staff with printed passwords, so it serves on loopback only, not on %s: use --listen 127.0.0.1:8080, or leave --demo out", s.listen)
	}
	if strings.HasPrefix(s.store, "mongodb://") || strings.HasPrefix(s.store, "mongodb+srv://") {
		return usagef("--store mongodb:// is not served by this version: use --store sqlite")
	}
	if s.store != storeSQLite {
		return usagef("--store is sqlite")
	}
	if s.bus != embedded && !strings.HasPrefix(s.bus, "nats://") && !strings.HasPrefix(s.bus, "tls://") {
		return usagef("--bus is embedded, or nats://host:port")
	}
	if s.media != embedded && s.media != external {
		return usagef("--media is embedded or external")
	}
	if s.media == external && s.bus == embedded {
		return usagef("--media external needs a bus that both can reach: --bus nats://host:port")
	}
	if s.mediaListen != "" {
		if _, _, err := net.SplitHostPort(s.mediaListen); err != nil {
			return usagef("--media-listen is host:port, such as 0.0.0.0:%s", defaultMediaPort)
		}
	}
	for _, check := range []func() error{s.validateURL, s.validateNotify, s.validateProxies} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// validateProxies says whom to believe about where requests come from. Plain HTTP is served, so whoever is reached over https has a proxy in
// front, and by default it is on this machine.
func (s *settings) validateProxies() (err error) {
	list := s.trustedProxy
	switch {
	case list == "" && s.https():
		list = "loopback"
	case list == "":
		list = "none"
	}
	if s.proxies, err = network.ParseProxies(list); err != nil {
		return usagef("--trusted-proxy is none, loopback, or addresses and networks such as 10.0.0.5,10.1.0.0/24")
	}
	return nil
}

func (s *settings) validateURL() error {
	if s.publicURL == "" {
		return nil
	}
	u, err := url.Parse(s.publicURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return usagef("--public-url is an address such as https://kham.example.vn, without a path")
	}
	// As browsers write it in Origin: in small letters, without the scheme's own port.
	own := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	s.publicURL = u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Host), own)
	return nil
}

// https reports whether people reach the service over TLS.
func (s *settings) https() bool { return strings.HasPrefix(s.publicURL, "https://") }
