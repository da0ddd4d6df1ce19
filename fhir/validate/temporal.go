package validate

// isDate is a date of R4: YYYY, YYYY-MM or YYYY-MM-DD, a day of the calendar.
func isDate(s string) bool {
	n, ok := datePart(s)
	return ok && n == len(s)
}

// isDateTime is a dateTime of R4: a date, or a day with a time and an offset.
func isDateTime(s string) bool {
	n, ok := datePart(s)
	return ok && (n == len(s) || n == 10 && zonedTime(s[n:]))
}

// isInstant is an instant of R4: a day with a time and an offset.
func isInstant(s string) bool {
	n, ok := datePart(s)
	return ok && n == 10 && zonedTime(s[n:])
}

// isTime is a time of R4: hh:mm:ss, with a fraction or without.
func isTime(s string) bool {
	n, ok := timePart(s)
	return ok && n == len(s)
}

// two is the number that two digits write at i, -1 if they do not.
func two(s string, i int) int {
	if i+2 > len(s) || s[i] < '0' || s[i] > '9' || s[i+1] < '0' || s[i+1] > '9' {
		return -1
	}
	return int(s[i]-'0')*10 + int(s[i+1]-'0')
}

// datePart reads the date at the start of s: how long it is, and whether it is one.
func datePart(s string) (n int, ok bool) {
	century, year := two(s, 0), two(s, 2)
	if century < 0 || year < 0 || century+year == 0 {
		return 0, false
	}
	if len(s) == 4 {
		return 4, true
	}
	month := two(s, 5)
	if s[4] != '-' || month < 1 || month > 12 {
		return 0, false
	}
	if len(s) == 7 {
		return 7, true
	}
	day := two(s, 8)
	return 10, s[7] == '-' && day >= 1 && day <= daysIn(century*100+year, month)
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	default:
		return 31
	}
}

// timePart reads the time at the start of s. A minute may have a 61st second, as R4's form has it.
func timePart(s string) (n int, ok bool) {
	hour, minute, second := two(s, 0), two(s, 3), two(s, 6)
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 || s[2] != ':' || s[5] != ':' {
		return 0, false
	}
	n = 8
	if n == len(s) || s[n] != '.' {
		return n, true
	}
	for n++; n < len(s) && s[n] >= '0' && s[n] <= '9'; n++ {
	}
	return n, n > 9
}

// zonedTime is what follows the day in a dateTime: Thh:mm:ss with Z or an offset of at most 14 hours.
func zonedTime(s string) bool {
	if s == "" || s[0] != 'T' {
		return false
	}
	n, ok := timePart(s[1:])
	if !ok {
		return false
	}
	switch zone := s[1+n:]; {
	case zone == "Z":
		return true
	case len(zone) == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':':
		hour, minute := two(zone, 1), two(zone, 4)
		return hour >= 0 && hour <= 13 && minute >= 0 && minute <= 59 || hour == 14 && minute == 0
	}
	return false
}
