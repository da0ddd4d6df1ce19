package page_test

import (
	"maps"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// palette reads the colour variables of a style file: the ones outside and the ones inside its dark media block.
func palette(t *testing.T, file string) (light, dark map[string]string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	colours := func(text string) map[string]string {
		found := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+):\s*(#[0-9a-f]{6})`).FindAllStringSubmatch(text, -1) {
			found[m[1]] = m[2]
		}
		return found
	}
	const scheme = "@media (prefers-color-scheme: dark) {\n  :root {"
	before, rest, ok := strings.Cut(string(raw), scheme)
	if !ok {
		t.Fatalf("%s has no dark block", file)
	}
	inside, _, _ := strings.Cut(rest, "}")
	return colours(before), colours(inside)
}

// contrast is the contrast ratio of WCAG 2.2, 1.4.3.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(colour string) float64 {
		channel := func(at int) float64 {
			n, err := strconv.ParseUint(colour[at:at+2], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			c := float64(n) / 255
			if c <= 0.04045 {
				return c / 12.92
			}
			return math.Pow((c+0.055)/1.055, 2.4)
		}
		return 0.2126*channel(1) + 0.7152*channel(3) + 0.0722*channel(5)
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// Text has 4.5:1 for staff and 7:1 for patients on everything it stands on, borders of inputs and the focus ring 3:1.
func TestContrast(t *testing.T) {
	light, dark := palette(t, "css/tokens.css")
	patientLight, patientDark := palette(t, "css/patient.css")
	over := func(layers ...map[string]string) map[string]string {
		all := map[string]string{}
		for _, layer := range layers {
			maps.Copy(all, layer)
		}
		return all
	}
	for name, c := range map[string]struct {
		colours map[string]string
		text    float64
	}{
		"staff, light":   {light, 4.5},
		"staff, dark":    {over(light, dark), 4.5},
		"patient, light": {over(light, patientLight), 7},
		"patient, dark":  {over(light, dark, patientLight, patientDark), 7},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(front, back string, want float64) {
				t.Helper()
				f, b := c.colours[front], c.colours[back]
				if f == "" || b == "" {
					t.Fatalf("no colour %s or %s", front, back)
				}
				if got := contrast(t, f, b); got < want {
					t.Errorf("%s on %s is %.2f:1, want %g:1", front, back, got, want)
				}
			}
			for _, back := range []string{"ground", "surface", "sunken"} {
				for _, front := range []string{"ink", "ink-soft", "link", "danger"} {
					check(front, back, c.text)
				}
				check("line-strong", back, 3)
				check("link", back, 3)
			}
			for _, kind := range []string{"good", "warn", "danger", "info"} {
				check(kind, kind+"-soft", c.text)
				check("ink", kind+"-soft", c.text)
				check(kind, "surface", c.text)
			}
			check("ink", "brand-soft", c.text)
			check("brand-strong", "surface", 4.5)
			check("brand-strong", "brand-soft", 4.5)
			check("on-brand", "brand", c.text-0.0001)
			check("on-brand", "brand-strong", c.text)
			check("brand", "surface", 3)
		})
	}
}
