package page

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/number"
)

// Zone is the time zone of every page: Asia/Ho_Chi_Minh, UTC+7 all year (no daylight saving since 1975).
func Zone() *time.Location { return time.FixedZone("Asia/Ho_Chi_Minh", 7*3600) }

// formatDate prints a day as dd/mm/yyyy. It takes a time.Time, or a FHIR date as far as it is known ("1957", "1957-03",
// "1957-03-12", or a dateTime). The zero time and "" give "".
func formatDate(v any) (string, error) {
	switch d := v.(type) {
	case time.Time:
		return formatTime(d, "02/01/2006"), nil
	case *time.Time:
		if d == nil {
			return "", nil
		}
		return formatTime(*d, "02/01/2006"), nil
	case string:
		return formatPartialDate(d)
	}
	return "", fmt.Errorf("date: %T is neither a time nor a FHIR date", v)
}

func formatPartialDate(s string) (string, error) {
	switch {
	case s == "" || len(s) == len("2006"):
		return s, nil
	case len(s) == len("2006-01"):
		t, err := time.Parse("2006-01", s)
		return t.Format("01/2006"), err
	case len(s) == len("2006-01-02"):
		t, err := time.Parse("2006-01-02", s)
		return t.Format("02/01/2006"), err
	}
	t, err := time.Parse(time.RFC3339, s)
	return formatTime(t, "02/01/2006"), err
}

func formatTime(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	return t.In(Zone()).Format(layout)
}

// formatNumber prints an integer or a decimal number the language's way; at most digits decimals, one unless told.
func (m *messages) formatNumber(lang Lang, v any, digits ...int) string {
	most := 1
	if len(digits) > 0 {
		most = digits[0]
	}
	return m.printers[lang].Sprint(number.Decimal(v, number.MaxFractionDigits(most)))
}

// formatPercent prints a fraction (0.543) as a percentage with one decimal: 54,3% or 54.3%.
func (m *messages) formatPercent(lang Lang, v any) string {
	text := m.printers[lang].Sprint(number.Percent(v, number.MinFractionDigits(1), number.MaxFractionDigits(1)))
	return strings.ReplaceAll(text, "\u00a0", "")
}
