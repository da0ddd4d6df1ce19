package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"

	"khamxa/internal/bus"
	"khamxa/internal/fault"
	"khamxa/media/remote"
	"khamxa/media/sfu"
)

// externalNode is the name on the bus of a media node that is not a child of `khamxa serve`. There is one such node.
const externalNode = "media-1"

// handoff is what a media process is told on its standard input: the way to the bus, and its name there.
type handoff struct {
	bus.Handoff

	Node string `json:"node"`
}

// mediaSettings are the flags of media.
type mediaSettings struct {
	listenUDP, bus, publicIP string
	check                    bool
	level                    slog.Level
}

// mediaNode is `khamxa media`. Without --bus it is a child of `khamxa serve`: its first line on standard input is the way to the bus (a
// credential has no place on a command line), and the input's end is the sign to go.
func mediaNode(ctx context.Context, t terminal, args []string) error {
	set := flags("media")
	var s mediaSettings
	set.StringVar(&s.listenUDP, "listen-udp", "0.0.0.0:"+defaultMediaPort, "`host:port` of the calls' packets, UDP and the same port in TCP")
	set.StringVar(&s.publicIP, "public-ip", "", "`address` that phones are told to send to, behind one-to-one NAT; several with commas")
	set.StringVar(&s.bus, "bus", "", "nats://host:port that `khamxa serve` is connected to; empty: told on standard input")
	set.TextVar(&s.level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	set.BoolVar(&s.check, "check", false, "read the settings, say whether they hold, and do nothing else")
	if err := t.parse(set, args); err != nil {
		return err
	}
	if s.bus != "" && !strings.HasPrefix(s.bus, "nats://") && !strings.HasPrefix(s.bus, "tls://") {
		return usagef("--bus is nats://host:port")
	}
	if s.check {
		return nil
	}
	way := handoff{Handoff: bus.Handoff{URL: s.bus}, Node: externalNode}
	if s.bus == "" {
		var stop context.CancelFunc
		ctx, stop = context.WithCancel(ctx)
		defer stop()
		input := bufio.NewReader(t.in)
		line, err := input.ReadBytes('\n')
		if err != nil || json.Unmarshal(line, &way) != nil {
			return usagef("--bus is needed: nats://host:port of the bus that khamxa serve is connected to")
		}
		go func() {
			_, _ = io.Copy(io.Discard, input) // it ends with the parent
			stop()
		}()
	}
	return carry(ctx, s, way, t.logger(s.level).With("process", "media"))
}

// carry runs the node until ctx ends.
func carry(ctx context.Context, s mediaSettings, way handoff, log *slog.Logger) error {
	conn, err := bus.Connect(ctx, bus.Options{URL: way.URL, User: way.User, Password: way.Password, Name: way.Node, Log: log})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer conn.Close()
	node, err := sfu.New(sfu.Options{ListenUDP: s.listenUDP, PublicIPs: listed(s.publicIP), Log: log})
	if err != nil {
		return err
	}
	defer node.Shutdown()
	log.Info("the media node listens", "addresses", node.Addrs())
	if err := remote.Serve(ctx, conn, node, way.Node, log); err != nil && ctx.Err() == nil {
		return err
	}
	if ctx.Err() == nil {
		return fault.New(fault.Unavailable, "khamxa.media", "The media node ended by itself.")
	}
	return nil
}
