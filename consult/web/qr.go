package web

import (
	"fmt"
	"strings"

	"rsc.io/qr"

	"khamxa/internal/fault"
)

// code is a QR code as one SVG path in a square of Size units, the quiet zone of four modules (ISO/IEC 18004, 6.3.8) included.
type code struct {
	Size int    `json:"size"`
	Path string `json:"path"`
}

// draw makes the QR code of a text, level M: it survives a crease in the printed slip.
func draw(text string) (code, error) {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return code{}, fault.Wrap(err, fault.Internal, "consult/web.draw", "The QR code could not be drawn.")
	}
	const quiet = 4
	var b strings.Builder
	for y := range c.Size {
		for x := 0; x < c.Size; {
			if !c.Black(x, y) {
				x++
				continue
			}
			start := x
			for x < c.Size && c.Black(x, y) {
				x++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", start+quiet, y+quiet, x-start, x-start)
		}
	}
	return code{Size: c.Size + 2*quiet, Path: b.String()}, nil
}
