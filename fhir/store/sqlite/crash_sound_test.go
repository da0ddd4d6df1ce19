//go:build !faultpoint

package sqlite_test

import "testing"

func TestNothingAcknowledgedIsLostByAKill(t *testing.T) {
	dir := t.TempDir()
	acked := 0
	for round := range 6 {
		var wrong []string
		kill(t, dir, 40+17*round)
		if acked, wrong = inspect(t, dir); len(wrong) > 0 {
			t.Fatalf("kill %d, after %d acknowledged commits:\n%v", round+1, acked, wrong)
		}
	}
	if acked < 400 {
		t.Fatalf("only %d commits were acknowledged in all rounds", acked)
	}
}
