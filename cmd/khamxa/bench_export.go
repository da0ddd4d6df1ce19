package main

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"khamxa/internal/fault"
)

// export measures a system-level $export (Bulk Data Access 2): from the request to the last byte of the last file.
func (b *fhirBench) export(ctx context.Context) error {
	if err := b.service.renew(ctx); err != nil {
		return err
	}
	c, err := dialBench(ctx, b.service.host, b.service.token)
	if err != nil {
		return err
	}
	defer c.close()
	start := time.Now()
	status, location, err := c.send("GET", "/fhir/$export", nil, "Prefer: respond-async", "Accept: application/fhir+json")
	if err != nil {
		return err
	}
	at, err := url.Parse(location)
	if status != 202 || err != nil || at.Path == "" {
		return fault.Newf(fault.Internal, "khamxa.bench", "An export was answered with %d: %s", status, firstBytes(c.body))
	}
	files, err := b.exported(ctx, c, at.Path)
	if err != nil {
		return err
	}
	written := time.Since(start)
	count := 0
	c.discard = true
	for _, f := range files {
		at, err := url.Parse(f.URL)
		if err != nil {
			return fault.Wrap(err, fault.Internal, "khamxa.bench", "An exported file has no address.")
		}
		if err := c.do("GET", at.Path, nil, 200); err != nil {
			return err
		}
		count += f.Count
	}
	b.figures.set("export_resources_per_s", float64(count)/time.Since(start).Seconds(), "$export of the whole system, to the last byte of the last file")
	b.figures.set("export_written_per_s", float64(count)/written.Seconds(), "the same until the files are written")
	b.figures.set("export_resources", float64(count), "that were exported, the audit trail not among them")
	return nil
}

// exportedFile is one line of an export's manifest.
type exportedFile struct {
	URL   string `json:"url"`
	Count int    `json:"count"`
}

// exported waits until an export is done.
func (b *fhirBench) exported(ctx context.Context, c *benchClient, path string) ([]exportedFile, error) {
	for {
		status, _, err := c.send("GET", path, nil)
		switch {
		case err != nil:
			return nil, err
		case status == 200:
			var manifest struct{ Output []exportedFile }
			err := json.Unmarshal(c.body, &manifest)
			return manifest.Output, fault.Wrap(err, fault.Internal, "khamxa.bench", "The export's manifest cannot be read.")
		case status != 202:
			return nil, fault.Newf(fault.Internal, "khamxa.bench", "An export's status was answered with %d: %s", status, firstBytes(c.body))
		}
		select {
		case <-ctx.Done():
			return nil, fault.Wrap(ctx.Err(), fault.Timeout, "khamxa.bench", "Stopped.")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
