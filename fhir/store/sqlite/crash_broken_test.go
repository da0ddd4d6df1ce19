//go:build faultpoint

package sqlite_test

import "testing"

// The tests that kill the store must be able to fail: with each of these defects they do.
func TestTheCrashTestSeesEachDefect(t *testing.T) {
	for _, defect := range []string{"ack-before-commit", "apply-after-ack"} {
		t.Run(defect, func(t *testing.T) {
			for range 10 {
				dir := t.TempDir()
				kill(t, dir, 100, "KHAMXA_FAULT="+defect)
				kill(t, dir, 100, "KHAMXA_FAULT="+defect) // starts without the repair that inspect's start would make
				if _, wrong := inspect(t, dir); len(wrong) > 0 {
					t.Logf("%d things wrong, the first: %s", len(wrong), wrong[0])
					return
				}
			}
			t.Fatal("ten kills, and nothing was found wrong")
		})
	}
}

// A store that dies between the log and its application is healed at the next start.
func TestDyingBeforeTheApplicationIsHealed(t *testing.T) {
	dir := t.TempDir()
	kill(t, dir, 1_000_000, "KHAMXA_FAULT=stop-before-apply") // it dies by itself
	if acked, wrong := inspect(t, dir); len(wrong) > 0 || acked == 0 {
		t.Fatalf("after %d acknowledged commits: %v", acked, wrong)
	}
	kill(t, dir, 50)
	if _, wrong := inspect(t, dir); len(wrong) > 0 {
		t.Fatalf("after the start that followed: %v", wrong)
	}
}
