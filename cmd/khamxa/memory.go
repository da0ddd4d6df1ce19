package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	gauges "runtime/metrics"
	"time"
)

// How much garbage the service lets come together. What it holds for long is small beside what passes through it, so the runtime's own rule
// (collect when the heap has doubled) collects many times a second under load, and takes a fifth of the processors.
const (
	garbageMost  = 64 << 20 // bytes of it, if what is held is less; the runtime's own rule if it is more
	garbageEvery = time.Second
	percentMost  = 400
)

// easeCollector has the garbage collected when there are garbageMost bytes of it, until ctx ends. Who sets GOGC or GOMEMLIMIT has decided it.
func easeCollector(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	held := []gauges.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(garbageEvery)
	defer tick.Stop()
	for set := 0; ; {
		gauges.Read(held)
		if want := collectorPercent(held[0].Value.Uint64()); want != set {
			debug.SetGCPercent(want)
			set = want
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// collectorPercent is GOGC for a heap of which the last collection left so many bytes, in steps of 25.
func collectorPercent(held uint64) int {
	percent := 100 * float64(garbageMost) / float64(max(held, 1))
	percent = min(max(percent, 100), percentMost)
	return int(math.Floor(percent/25) * 25)
}
