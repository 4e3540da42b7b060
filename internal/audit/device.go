package audit

import (
	"slices"
	"strings"
)

// A kindOfDevice is what clients call themselves on one: with any of some words, and
// without another.
type kindOfDevice struct {
	name    string
	words   []string
	without string
}

// kindsOfDevices are in the order in which they are looked at; what is none of them is
// Unknown.
func kindsOfDevices() []kindOfDevice {
	return []kindOfDevice{
		{"Bot", []string{"bot", "crawl", "spider"}, ""},
		{"Tablet", []string{"ipad", "tablet"}, ""},
		{"Tablet", []string{"android"}, "mobile"},
		{"Mobile", []string{"mobile", "iphone", "android"}, ""},
		{"Desktop", []string{"windows", "macintosh", "x11", "cros"}, ""},
	}
}

const unknownDevice = "Unknown"

// DeviceOf is the kind of a device by what its client calls itself, in the words of
// the wire.
func DeviceOf(agent string) string {
	agent = strings.ToLower(agent)
	for _, k := range kindsOfDevices() {
		if slices.ContainsFunc(k.words, func(w string) bool { return strings.Contains(agent, w) }) && (k.without == "" || !strings.Contains(agent, k.without)) {
			return k.name
		}
	}
	return unknownDevice
}

// DevicesIn is the same as conditions of a statement: that a client is one of some
// kinds, or none of them.
func DevicesIn(agent string, arg func(any) string, kinds []string, not bool) []string {
	switch {
	case len(kinds) == 0, agent == "" && not:
		return nil
	case agent == "":
		return []string{`1 = 0`}
	}
	says := func(word string) string { return `LOWER(` + agent + `) LIKE ` + arg("%"+word+"%") }
	cases := []string{`CASE`}
	for _, k := range kindsOfDevices() {
		var words []string
		for _, w := range k.words {
			words = append(words, says(w))
		}
		when := `(` + strings.Join(words, ` OR `) + `)`
		if k.without != "" {
			when += ` AND NOT ` + says(k.without)
		}
		cases = append(cases, `WHEN `+when+` THEN '`+k.name+`'`)
	}
	cases = append(cases, `ELSE '`+unknownDevice+`' END`)
	var marks []string
	for _, k := range kinds {
		marks = append(marks, arg(k))
	}
	in := ` IN (`
	if not {
		in = ` NOT IN (`
	}
	return []string{strings.Join(cases, ` `) + in + strings.Join(marks, ", ") + `)`}
}

// MethodOnWire is the word of the wire for what a login was proven by, which is one of
// RFC 8176 where that has one.
func MethodOnWire(amr string) string {
	if amr == "pwd" {
		return "password"
	}
	return amr
}
