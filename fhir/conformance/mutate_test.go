//go:build conformance

package conformance_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// jsonToken finds strings, numbers and words in JSON text.
var jsonToken = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null`)

// hostileTokens are written where a value or a name stood.
var hostileTokens = []string{
	`null`, `true`, `-0`, `0.0`, `1e999999999`, `1e-999999999`, `-1E+2147483648`, `123456789012345678901234567890.12345678901234567890`,
	`9223372036854775808`, `01`, `+1`, `.5`, `NaN`, `0x10`, `""`, `" "`, `"\u0000"`, `"\ud800"`, `"\udc00\ud800"`, `"\b"`, "\"\x00\"", "\"\xff\xfe\"",
	"\"\xc0\xaf\"", "\"\xed\xa0\x80\"", `'single'`, `[]`, `{}`, `[null]`, `[[]]`, `[{}]`, `{"":""}`, `{"resourceType":"Patient"}`, `"2026-02-30"`,
	`"0000"`, `"9999-12-31T24:00:00Z"`, `"9999-12-31T23:59:60.999999999999999999999999999999+14:00"`, `"2026-11-24T08:00:00"`, `"-2026"`,
	`"Patient/` + strings.Repeat("x", 65) + `"`, `"../../../etc/passwd"`, `"#"`, `"urn:uuid:"`, `"urn:uuid:not-one"`, `"http://[::1"`, `"http://"`,
	`"javascript:alert(1)"`, `"Patient?identifier=x|y"`, `"Patient?name:exact=\\"`, `"%s%n%00"`, `"' OR 1=1 --"`, `"a\",\"b\":\"c"`, `"\u202Egnp.exe"`,
	`"</script><script>alert(1)</script>"`, `"${jndi:ldap://127.0.0.1/}"`, `"Z̴̡̛a̸͝l̵g̶o"`, `"é́́́́"`, `"đĐ"`, `"İıſK"`, `"\\"`, `"|"`, `",|$\\"`, `/* comment */ 1`, `1,`, `:`,
}

// mutations are ways to spoil JSON.
var mutations = []func(r *rand.Rand, raw []byte) []byte{
	flipBytes, flipBytes, replaceToken, replaceToken, replaceToken, truncate, repeatMember, giantString, deepValue, splice, renameMember, insertBytes,
	bigNumbers, manyItems,
}

func flipBytes(r *rand.Rand, raw []byte) []byte {
	out := bytes.Clone(raw)
	for range 1 + r.IntN(8) {
		out[r.IntN(len(out))] ^= 1 << r.IntN(8)
	}
	return out
}

func truncate(r *rand.Rand, raw []byte) []byte { return raw[:r.IntN(len(raw))] }

// token picks one string, number or word.
func token(r *rand.Rand, raw []byte) (from, to int) {
	all := jsonToken.FindAllIndex(raw, 5000)
	if len(all) == 0 {
		return 0, 0
	}
	at := all[r.IntN(len(all))]
	return at[0], at[1]
}

func spliced(raw []byte, from, to int, middle string) []byte {
	return bytes.Join([][]byte{raw[:from], []byte(middle), raw[to:]}, nil)
}

func replaceToken(r *rand.Rand, raw []byte) []byte {
	from, to := token(r, raw)
	return spliced(raw, from, to, hostileTokens[r.IntN(len(hostileTokens))])
}

// repeatMember writes a member a second time.
func repeatMember(r *rand.Rand, raw []byte) []byte {
	member := regexp.MustCompile(`"([A-Za-z_]+)"\s*:\s*("(?:[^"\\]|\\.)*"|[0-9.]+|true|false)`)
	all := member.FindAllIndex(raw, 1000)
	if len(all) == 0 {
		return replaceToken(r, raw)
	}
	at := all[r.IntN(len(all))]
	return spliced(raw, at[1], at[1], ","+string(raw[at[0]:at[1]]))
}

func renameMember(r *rand.Rand, raw []byte) []byte {
	names := regexp.MustCompile(`"([A-Za-z_]+)"\s*:`).FindAllSubmatchIndex(raw, 1000)
	if len(names) == 0 {
		return replaceToken(r, raw)
	}
	at := names[r.IntN(len(names))]
	name := string(raw[at[2]:at[3]])
	return spliced(raw, at[2], at[3], []string{
		strings.ToUpper(name), "_" + name, name + "x", "value" + name, "__proto__", "", strings.Repeat(name, 500), "fhir_comments", "resourceType", "id", "extension",
	}[r.IntN(11)])
}

func giantString(r *rand.Rand, raw []byte) []byte {
	from, to := token(r, raw)
	text := []string{"a", "đ", `\n`, `\u0111`, "Nguyễn ", "x|", "\U0001F600", "%2C"}[r.IntN(8)]
	return spliced(raw, from, to, `"`+strings.Repeat(text, []int{300, 5_000, 70_000, 150_000}[r.IntN(4)])+`"`)
}

func deepValue(r *rand.Rand, raw []byte) []byte {
	from, to := token(r, raw)
	depth := []int{50, 99, 500, 10_000, 100_000}[r.IntN(5)]
	open, end := "[", "]"
	switch r.IntN(3) {
	case 0:
		open, end = `{"extension":[`, `]}`
	case 1:
		open, end = `{"a":`, `}`
	}
	depth = min(depth, 900_000/(len(open)+len(end)))
	if r.IntN(4) == 0 {
		end = ""
	}
	return spliced(raw, from, to, strings.Repeat(open, depth)+"1"+strings.Repeat(end, depth))
}

// splice joins the head of a text with its tail from another place.
func splice(r *rand.Rand, raw []byte) []byte {
	a, b := r.IntN(len(raw)), r.IntN(len(raw))
	return bytes.Join([][]byte{raw[:a], raw[b:]}, nil)
}

func insertBytes(r *rand.Rand, raw []byte) []byte {
	at := r.IntN(len(raw) + 1)
	junk := []string{"\x00", "\xff", "\xef\xbb\xbf", "\xc3", "\xf4\x90\x80\x80", "\u2028", "\\", "\"", "{", "}", "]", ",", "\x1f", "\u0085", strings.Repeat(" ", 60_000), "\r\n\t"}
	return spliced(raw, at, at, junk[r.IntN(len(junk))])
}

func bigNumbers(r *rand.Rand, raw []byte) []byte {
	from, to := token(r, raw)
	n := 1 + r.IntN(40_000)
	return spliced(raw, from, to, []string{
		strings.Repeat("9", n), "0." + strings.Repeat("0", n) + "1", "1e" + strings.Repeat("9", 1+n%400), "-" + strings.Repeat("1", n) + "." + strings.Repeat("1", n),
	}[r.IntN(4)])
}

func manyItems(r *rand.Rand, raw []byte) []byte {
	from, to := token(r, raw)
	item := []string{`{}`, `0`, `"a"`, `[]`, `{"system":"s","code":"c"}`, `{"reference":"Patient/1"}`}[r.IntN(6)]
	n := []int{1_000, 20_000, 100_000}[r.IntN(3)]
	n = min(n, 900_000/(len(item)+1))
	return spliced(raw, from, to, "["+strings.Repeat(item+",", n-1)+item+"]")
}

// hostileWords are values for searches, ids, headers and page tokens.
var hostileWords = []string{
	"", " ", ",", "|", "||", "$", "\\", "\\,", "\\x", ",,,,", "a|b|c", "|a", "a|", "$$", "a$b", "%", "\x00", "\x01", "\x02", "\x7f", "\xff", "\xc0\xaf", "\u2028", "'", "\"", "' OR '1'='1", "*", "?", "&", "=",
	"ge", "geabc", "eq2026-13", "lt2026-02-30", "sa9999-12-31T23:59:59.999+14:00", "ap0001", "ap9999", "ne-1", "gt1e999999999", "lt1e-999999999", "1e9999", "eq0x10", "5.40|http://unitsofmeasure.org|mmol/L", "5.4||",
	"|http://loinc.org|", "1|2|3|4", "NaN", "-0", "0.000000000000000000000000000000001", "99999999999999999999999999999999999999999",
	"Patient/", "/1", "Patient/1/_history/1", "Patient/1/_history/", "http://", "http://[", "urn:uuid:", "#x", "Patient/1,Patient/2", "Nope/1", "true", "false", "TRUE", "null", "undefined",
	"nguyễn", "NGUYỄN THỊ HÒA", "đ", "Đ", "ı", "İ", "ß", "ﬁ", "\u0301", "\u202e", "😀", "http://loinc.org|85354-9", "2026-11-24T08:00:00 07:00", "2026-11-24T08:00:00+07:00", "1970-01-01T00:00:00Z", "-1", "0", "1", "2147483648", "9223372036854775808",
	strings.Repeat("a", 300), strings.Repeat("đ", 3_000), strings.Repeat("a,", 1_500), strings.Repeat("|", 500), strings.Repeat("\\", 501), strings.Repeat("a.", 200), strings.Repeat("%", 100), strings.Repeat("(", 1000),
	"../../etc/passwd", "..%2f..", "${7*7}", "{{7*7}}", "<script>", "--", ";", "\r\nX-Injected: 1", "a\tb", "2026", "ge2026-01-01", "Observation:subject", "Observation:subject:Patient:x", "*:*", "Patient:*", "_id", "-_lastUpdated", "code-value-quantity",
}

func word(r *rand.Rand) string {
	w := hostileWords[r.IntN(len(hostileWords))]
	if r.IntN(4) == 0 {
		w += hostileWords[r.IntN(len(hostileWords))]
	}
	if r.IntN(6) == 0 {
		w = fmt.Sprintf("%s%d", w, r.IntN(1_000_000))
	}
	return w
}
