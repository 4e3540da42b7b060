package snapshot

import (
	"path"
	"strings"
	"unicode/utf8"
)

// Limits of a path, in bytes. They are those of the file systems that an
// export is written to.
const (
	maxPath    = 1024
	maxSegment = 255
)

// pathFault says what is wrong with a path, or nothing.
func pathFault(p string) string {
	switch {
	case p == "":
		return "is empty"
	case !utf8.ValidString(p), strings.ContainsRune(p, utf8.RuneError):
		return "is not valid UTF-8" // the decoder puts U+FFFD for what is not
	case len(p) > maxPath:
		return "is too long"
	case strings.Contains(p, `\`):
		return `has a backslash; paths use "/"`
	case strings.HasPrefix(p, "/"):
		return "is absolute; paths are relative to the root of the snapshot"
	}
	for _, r := range p {
		if r < 0x20 || r == 0x7f {
			return "has a control character"
		}
	}
	for seg := range strings.SplitSeq(p, "/") {
		switch {
		case seg == "..":
			return `climbs with ".."`
		case seg == "" || seg == ".":
			return "has an empty segment"
		case len(seg) > maxSegment:
			return "has a segment that is too long"
		}
	}
	return ""
}

// form is how a file's content travels on the wire and in a folder.
type form int

const (
	formOther form = iota // a string that is kept as it is
	formJSON              // an object
	formText              // a string
	formImage             // a string in base64; bytes in a folder
)

func formOf(p string) form {
	switch path.Ext(p) {
	case ".json":
		return formJSON
	case ".txt", ".html":
		return formText
	case ".png", ".jpg", ".svg", ".webp":
		return formImage
	default:
		return formOther
	}
}

// splitPattern cuts a pattern or path into its segments.
func splitPattern(p string) []string { return strings.Split(p, "/") }

// matchSegment matches one segment of a pattern that holds at most one
// variable, as in "screen-{slug}.json".
func matchSegment(pattern, seg string) (name, value string, ok bool) {
	before, rest, has := strings.Cut(pattern, "{")
	if !has {
		return "", "", pattern == seg
	}
	name, after, _ := strings.Cut(rest, "}")
	if len(seg) <= len(before)+len(after) || !strings.HasPrefix(seg, before) || !strings.HasSuffix(seg, after) {
		return "", "", false
	}
	return name, seg[len(before) : len(seg)-len(after)], true
}
