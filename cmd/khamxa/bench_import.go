package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"khamxa/internal/fault"
)

// bringIn imports the Bundles with `khamxa import`: an own process, from its start to its end, in which everything is kept and synced.
func (b *fhirBench) bringIn(ctx context.Context, files []string, resources int) error {
	start := time.Now()
	out, err := khamxaRun(ctx, append([]string{"import", "--data", b.data()}, files...)...)
	if err != nil {
		return err
	}
	b.imported += time.Since(start)
	if want := fmt.Sprintf(": %d kept, 0 unchanged, 0 refused", resources); !strings.Contains(string(out), want) {
		return fault.Newf(fault.Internal, "khamxa.bench", "The import did not keep %d resources: %s", resources, firstBytes(out))
	}
	b.resources += resources
	return nil
}
