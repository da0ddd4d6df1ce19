package sfu

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net"
	"time"

	"github.com/pion/dtls/v3"
	dtlselliptic "github.com/pion/dtls/v3/pkg/crypto/elliptic"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"khamxa/internal/fault"
)

// Payload types that the node offers. They are ours to choose, since only the server offers.
const (
	opusPT webrtc.PayloadType = 111
	vp8PT  webrtc.PayloadType = 96
	rtxPT  webrtc.PayloadType = 97
)

const (
	// A peer that sends nothing for so long is disconnected, and failed after failedAfter more.
	disconnectedAfter = 10 * time.Second
	failedAfter       = 5 * time.Second
	keepAlive         = 2 * time.Second
	// The default of one second makes joining over a lossy link take four seconds at the 95th percentile instead of one.
	dtlsRetransmit = 100 * time.Millisecond
	replayWindow   = 1024 // packets
	feedbackEvery  = 100 * time.Millisecond
	nackWindow     = 512 // packets that the node looks back for gaps in what a publisher sends
	nackTries      = 10
)

// newAPI sets pion up once for all peer connections of a node.
func newAPI(o Options, s *sockets) (*webrtc.API, error) {
	engine, err := newMediaEngine()
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "sfu.New", "")
	}
	registry, err := newInterceptors()
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "sfu.New", "")
	}
	settings, err := newSettings(o, s)
	if err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings)), nil
}

func newSettings(o Options, s *sockets) (webrtc.SettingEngine, error) {
	e := webrtc.SettingEngine{LoggerFactory: loggerFactory{log: o.Log}}
	e.SetLite(true)
	e.SetNetworkTypes([]webrtc.NetworkType{
		webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6,
	})
	e.SetICEUDPMux(s.udpMux)
	if s.tcpMux != nil {
		e.SetICETCPMux(s.tcpMux)
	}
	e.DisableActiveTCP(true)
	e.SetIPFilter(func(ip net.IP) bool { return s.listens(ip) })
	e.SetIncludeLoopbackCandidate(s.loopback)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetICETimeouts(disconnectedAfter, failedAfter, keepAlive)
	if len(o.PublicIPs) > 0 {
		for _, ip := range o.PublicIPs {
			if net.ParseIP(ip) == nil {
				return e, fault.New(fault.Invalid, "sfu.New", "A public address is an IP address.").At("publicIPs")
			}
		}
		err := e.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{
			External: o.PublicIPs, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
		})
		if err != nil {
			return e, fault.Wrap(err, fault.Invalid, "sfu.New", "The public addresses cannot be used.")
		}
	}
	// A track is known when it is negotiated, not when its first packet comes: both tracks of a peer are offered to the others at once, and
	// a camera that is off for now is there already.
	e.SetFireOnTrackBeforeFirstRTP(true)
	// The peers answer "active", which makes the node the DTLS server, and the server picks the SRTP profile: AES-GCM costs a fifth of AES-CM with HMAC-SHA1.
	e.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	e.SetDTLSEllipticCurves(dtlselliptic.X25519, dtlselliptic.P256)
	e.SetDTLSRetransmissionInterval(dtlsRetransmit)
	e.SetDTLSReplayProtectionWindow(64)
	e.SetSRTPReplayProtectionWindow(replayWindow)
	e.SetSRTCPReplayProtectionWindow(replayWindow)
	return e, nil
}

// newMediaEngine says what is offered: Opus (RFC 7587) with in-band FEC and DTX, VP8 (RFC 7741) with RTX (RFC 4588). The header
// extensions are for what peers send; what the node sends carries none.
func newMediaEngine() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	congestion := webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC}
	err := m.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
			SDPFmtpLine: "minptime=10;useinbandfec=1;usedtx=1", RTCPFeedback: []webrtc.RTCPFeedback{congestion},
		},
		PayloadType: opusPT,
	}, webrtc.RTPCodecTypeAudio)
	if err != nil {
		return nil, err
	}
	video := []webrtc.RTPCodecParameters{
		{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
				RTCPFeedback: []webrtc.RTCPFeedback{
					congestion,
					{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"},
					{Type: webrtc.TypeRTCPFBNACK},
					{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
				},
			},
			PayloadType: vp8PT,
		},
		{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=96"},
			PayloadType:        rtxPT,
		},
	}
	for _, c := range video {
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
	}
	both := []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo}
	extensions := []struct {
		uri   string
		kinds []webrtc.RTPCodecType
	}{
		{sdp.ABSSendTimeURI, both},
		{sdp.TransportCCURI, both},
		{sdp.SDESMidURI, both},
		{sdp.SDESRTPStreamIDURI, both[1:]},
		{sdp.SDESRepairRTPStreamIDURI, both[1:]},
	}
	for _, x := range extensions {
		for _, kind := range x.kinds {
			err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: x.uri}, kind, webrtc.RTPTransceiverDirectionRecvonly)
			if err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// newInterceptors composes what runs on the publishers' side: requests for lost packets, congestion feedback for the sender's estimate,
// receiver reports. The subscribers' side (retransmission, sender reports) is this package's own: pion's responder copies every packet
// once per subscriber.
func newInterceptors() (*interceptor.Registry, error) {
	lost, err := nack.NewGeneratorInterceptor(nack.GeneratorSize(nackWindow), nack.GeneratorMaxNacksPerPacket(nackTries),
		nack.GeneratorInterval(feedbackEvery/2), nack.WithGeneratorLoggerFactory(silentFactory{}))
	if err != nil {
		return nil, err
	}
	congestion, err := twcc.NewSenderInterceptor(twcc.SendInterval(feedbackEvery), twcc.WithLoggerFactory(silentFactory{}))
	if err != nil {
		return nil, err
	}
	reports, err := report.NewReceiverInterceptor(report.WithReceiverLoggerFactory(silentFactory{}))
	if err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	for _, f := range []interceptor.Factory{lost, reports, congestion} {
		registry.Add(f)
	}
	return registry, nil
}

func newCertificate() (*webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return webrtc.GenerateCertificate(key)
}

var _ logging.LoggerFactory = loggerFactory{}
