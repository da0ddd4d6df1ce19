//go:build faultpoint

package main

import (
	"strings"
	"testing"
)

// The crash test fails when the acknowledgement or the application of the log is moved to where it must not be. The service starts with
// the defect each time: a sound one would apply at its start what was not applied.
func TestTheKillsFindEachDefect(t *testing.T) {
	const enough = 40 // a kill finds apply-after-ack in about one of three
	for _, defect := range []string{"ack-before-commit", "apply-after-ack"} {
		t.Run(defect, func(t *testing.T) {
			c := newCrash(t)
			c.env = []string{"KHAMXA_FAULT=" + defect}
			c.apart = true // writers that meet see a late application without any kill
			for c.kills < enough {
				v, wrong := c.startAndInspect()
				if len(wrong) > 0 {
					if !strings.Contains(strings.Join(wrong, "\n"), "lost") {
						t.Error("nothing of this is a loss")
					}
					t.Logf("found, as it should be: %s", c.story(wrong))
					return
				}
				if wrong := c.writeAndKill(v); len(wrong) > 0 {
					t.Fatalf("the writers saw it themselves: %s", c.story(wrong))
				}
			}
			t.Fatalf("%d kills, and nothing was found wrong: %s", c.kills, c.story(nil))
		})
	}
}

// A service that dies between the log and its application is healed by its next start.
func TestDyingBetweenTheLogAndItsApplicationIsHealed(t *testing.T) {
	for range 3 {
		c := dead(t)
		if wrong := c.round(); len(wrong) > 0 {
			t.Fatal(c.story(wrong))
		}
		v, wrong := c.startAndInspect()
		if len(wrong) == 0 {
			wrong = c.inspectAll(v)
		}
		if err := v.kill(); err != nil {
			wrong = append(wrong, err.Error())
		}
		if _, err := tool(t, "verify", "--data", c.data); err != nil {
			wrong = append(wrong, err.Error())
		}
		if len(wrong) > 0 {
			t.Fatal(c.story(wrong))
		}
	}
}

// Without the repair at that start, khamxa verify names the commit that was never applied.
func TestDyingIsNotHealedWithoutTheRepair(t *testing.T) {
	c := dead(t)
	c.env = []string{"KHAMXA_FAULT=apply-after-ack"} // it goes on behind the hole
	if wrong := c.round(); len(wrong) > 0 {
		t.Fatal(c.story(wrong))
	}
	_, err := tool(t, "verify", "--data", c.data)
	if err == nil || !strings.Contains(err.Error(), "commit 20: ") {
		t.Fatalf("khamxa verify finds: %v", err)
	}
	t.Logf("found, as it should be: %v", err)
}

// dead is a data folder whose service died by itself when commit 20 was in the log and not applied.
func dead(t *testing.T) *crash {
	c := newCrash(t)
	c.env, c.dies, c.apart = []string{"KHAMXA_FAULT=stop-before-apply"}, true, true
	if wrong := c.round(); len(wrong) > 0 {
		t.Fatal(c.story(wrong))
	}
	c.env, c.dies = nil, false
	return c
}
