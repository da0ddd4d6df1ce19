package main

import "testing"

// TestCollectorPercent: a small heap may grow by a fixed amount, a large one doubles as ever, and nothing grows without bound.
func TestCollectorPercent(t *testing.T) {
	for _, test := range []struct {
		name string
		held uint64
		want int
	}{
		{"nothing known yet", 0, percentMost},
		{"a new service", 8 << 20, percentMost},
		{"a quarter of the garbage", garbageMost / 4, 400},
		{"between two steps", garbageMost * 10 / 33, 325},
		{"as much as the garbage", garbageMost, 100},
		{"far more", 40 * garbageMost, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := collectorPercent(test.held)
			if got != test.want {
				t.Errorf("%d bytes: %d, want %d", test.held, got, test.want)
			}
			if grown := float64(test.held) * float64(got) / 100; grown > garbageMost && got > 100 {
				t.Errorf("%d bytes: %.0f of garbage", test.held, grown)
			}
		})
	}
}
