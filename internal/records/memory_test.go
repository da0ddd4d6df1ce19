package records_test

import (
	"testing"
	"time"

	"khamxa/internal/records"
	"khamxa/internal/records/recordstest"
)

func TestMemory(t *testing.T) {
	recordstest.Run(t, func(_ *testing.T, clock func() time.Time) records.Store { return records.NewMemory(clock) })
}
