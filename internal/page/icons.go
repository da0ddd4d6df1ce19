// Table: the icons of the design system, 24 by 24, stroked in the text's colour.

package page

import (
	"fmt"
	"html/template"
)

// icon draws one of the design system's icons as SVG that screen readers skip: an icon always stands beside text.
func icon(name string) (template.HTML, error) {
	body, ok := iconPaths()[name]
	if !ok {
		return "", fmt.Errorf("no icon %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" ` +
		`stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">` + body + `</svg>`), nil
}

func iconPaths() map[string]string {
	return map[string]string{
		"menu":        `<path d="M4 7h16M4 12h16M4 17h16"/>`,
		"video":       `<rect x="3" y="6" width="12" height="12" rx="3"/><path d="m15 10.5 6-3v9l-6-3"/>`,
		"video-off":   `<path d="M9 6h3a3 3 0 0 1 3 3v3m-.6 4.9A3 3 0 0 1 12 18H6a3 3 0 0 1-3-3V9a3 3 0 0 1 1.6-2.6M15 10.5l6-3v9l-3.5-1.8M3 3l18 18"/>`,
		"mic":         `<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"/>`,
		"mic-off":     `<path d="M9 9v2a3 3 0 0 0 4.9 2.3M15 10V6a3 3 0 0 0-5.7-1.3M5.5 11.5a6.5 6.5 0 0 0 10.4 5.2M18.5 11.5c0 .8-.1 1.5-.4 2.2M12 18v3M3 3l18 18"/>`,
		"phone":       `<path d="M5 3h3.5l1.7 4.6-2.1 1.7a13 13 0 0 0 6.6 6.6l1.7-2.1L21 15.5V19a2 2 0 0 1-2.2 2A17 17 0 0 1 3 5.2 2 2 0 0 1 5 3Z"/>`,
		"phone-off":   `<path d="M3 15.5v-2.3C5.3 10.8 8.5 9.5 12 9.5s6.7 1.3 9 3.7v2.3a1 1 0 0 1-1.2 1l-3.3-.8a1 1 0 0 1-.8-1v-1.9a11 11 0 0 0-7.4 0v1.9a1 1 0 0 1-.8 1l-3.3.8a1 1 0 0 1-1.2-1Z"/>`,
		"people":      `<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20a6.5 6.5 0 0 1 13 0M16 4.8a3.5 3.5 0 0 1 0 6.4M18 14.2a6.5 6.5 0 0 1 3.5 5.8"/>`,
		"person":      `<circle cx="12" cy="8" r="4"/><path d="M4.5 20.5a7.5 7.5 0 0 1 15 0"/>`,
		"chart":       `<path d="M4 4v16h16M8 16v-4M12.5 16V8M17 16v-6"/>`,
		"heart":       `<path d="M12 20.5S3.5 15.7 3.5 9.3A4.6 4.6 0 0 1 12 6.8a4.6 4.6 0 0 1 8.5 2.5c0 6.4-8.5 11.2-8.5 11.2Z"/><path d="M4 12h4l1.5-3 3 5 1.5-2h6"/>`,
		"gear":        `<circle cx="12" cy="12" r="3"/><path d="M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M5.6 18.4l2.1-2.1M16.3 7.7l2.1-2.1"/>`,
		"plus":        `<path d="M12 5v14M5 12h14"/>`,
		"search":      `<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>`,
		"check":       `<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
		"close":       `<path d="M6 6l12 12M18 6 6 18"/>`,
		"info":        `<circle cx="12" cy="12" r="9"/><path d="M12 11v5.5M12 7.5v.01"/>`,
		"warning":     `<path d="M12 4 2.8 20h18.4L12 4ZM12 10v4.5M12 17.3v.01"/>`,
		"clock":       `<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.5 2"/>`,
		"calendar":    `<rect x="3.5" y="5" width="17" height="15.5" rx="2.5"/><path d="M3.5 10h17M8 2.8v4M16 2.8v4"/>`,
		"link":        `<path d="M10 14a4.5 4.5 0 0 0 6.4 0l3-3A4.5 4.5 0 0 0 13 4.6l-1.2 1.2M14 10a4.5 4.5 0 0 0-6.4 0l-3 3A4.5 4.5 0 0 0 11 19.4l1.2-1.2"/>`,
		"copy":        `<rect x="8.5" y="8.5" width="12" height="12" rx="2.5"/><path d="M15.5 8.5V6A2.5 2.5 0 0 0 13 3.5H6A2.5 2.5 0 0 0 3.5 6v7A2.5 2.5 0 0 0 6 15.5h2.5"/>`,
		"document":    `<path d="M6.5 3H14l4.5 4.5V19a2 2 0 0 1-2 2h-10a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2ZM14 3v4.5h4.5M8 13h7M8 17h5"/>`,
		"download":    `<path d="M12 4v11M7 10.5l5 5 5-5M4.5 20h15"/>`,
		"sign-out":    `<path d="M14 4H7a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h7M10.5 12H20M16.5 8.5 20 12l-3.5 3.5"/>`,
		"arrow":       `<path d="M5 12h14M13 6l6 6-6 6"/>`,
		"back":        `<path d="M19 12H5M11 6l-6 6 6 6"/>`,
		"map-pin":     `<path d="M12 21.5s7-6.3 7-11.8a7 7 0 0 0-14 0c0 5.5 7 11.8 7 11.8Z"/><circle cx="12" cy="9.7" r="2.5"/>`,
		"key":         `<circle cx="8" cy="15.5" r="4.5"/><path d="m11.3 12.3 8.2-8.2M16 7.5l3 3"/>`,
		"shield":      `<path d="M12 3 5 5.8v5.4c0 4.5 2.9 8 7 9.8 4.1-1.8 7-5.3 7-9.8V5.8L12 3ZM9 11.8l2.2 2.2 4-4"/>`,
		"globe":       `<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c2.5 2.6 3.8 5.6 3.8 9s-1.3 6.4-3.8 9c-2.5-2.6-3.8-5.6-3.8-9S9.5 5.6 12 3Z"/>`,
		"wifi-off":    `<path d="M3 3l18 18M8.5 15.5a5 5 0 0 1 6 -.6M5 12a10 10 0 0 1 4-2.4M13 9.1a10 10 0 0 1 6 2.9M2 8.5A15 15 0 0 1 6 5.9M10.5 4.6A15 15 0 0 1 22 8.5M12 19.5v.01"/>`,
		"speaker":     `<path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4ZM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11"/>`,
		"stethoscope": `<path d="M6 3.5H4.5V9a4.5 4.5 0 0 0 9 0V3.5H12M9 13.5V16a5 5 0 0 0 10 0v-2"/><circle cx="19" cy="12" r="2"/>`,
	}
}
