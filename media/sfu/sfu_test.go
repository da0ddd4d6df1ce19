package sfu_test

import (
	"testing"

	"go.uber.org/goleak"

	"khamxa/media"
	"khamxa/media/mediatest"
	"khamxa/media/sfu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node gives a node on loopback that ends with the test.
func node(t testing.TB, change func(*sfu.Options)) *sfu.Node {
	t.Helper()
	o := sfu.Options{ListenUDP: "127.0.0.1:0"}
	if change != nil {
		change(&o)
	}
	n, err := sfu.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Shutdown)
	return n
}

func TestContract(t *testing.T) {
	mediatest.Run(t, func(t *testing.T) media.Plane { return node(t, nil) })
}
