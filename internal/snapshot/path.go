package snapshot

import (
	"path"
	"strings"
	"unicode"
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
		if r < ' ' || r >= 0x7f && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return "has a control character"
		}
	}
	for seg := range strings.SplitSeq(p, "/") {
		if fault := segmentFault(seg); fault != "" {
			return fault
		}
	}
	return ""
}

// segmentFault says what is wrong with a name in a path: a snapshot is written
// to the disks of others, so a name must be one on every system, and must mean
// nothing to the tools there.
func segmentFault(seg string) string {
	switch {
	case seg == "..":
		return `climbs with ".."`
	case seg == "" || seg == ".":
		return "has an empty segment"
	case len(seg) > maxSegment:
		return "has a segment that is too long"
	case seg[0] == '.':
		return "has a name that begins with a dot; tools read such files as their settings"
	case seg[0] == '-':
		return "has a name that begins with a hyphen; commands take it for an option"
	case strings.ContainsAny(seg, `:<>"|?*`):
		return `has a character that Windows does not allow in a name, one of : < > " | ? *`
	case strings.HasSuffix(seg, ".") || strings.HasSuffix(seg, " "):
		return "has a name that ends in a dot or a space, which Windows cuts off"
	case isDevice(seg):
		return "has the name of a device of Windows"
	}
	return ""
}

// isDevice reports whether Windows takes a name for a device, whatever follows
// the first dot.
func isDevice(seg string) bool {
	name, _, _ := strings.Cut(seg, ".")
	if name = strings.TrimRight(name, " "); len(name) > len("CONOUT$") {
		return false
	}
	switch name = strings.ToUpper(name); name {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port := []rune(name)
	return len(port) == 4 && (strings.HasPrefix(name, "COM") || strings.HasPrefix(name, "LPT")) &&
		strings.ContainsRune("123456789\u00b9\u00b2\u00b3", port[3])
}

// hidden reports whether a file of a folder or an archive is none of the
// snapshot's business: names that begin with a dot, and what archivers of a Mac
// leave.
func hidden(p string) bool {
	for seg := range strings.SplitSeq(p, "/") {
		if seg == "__MACOSX" || strings.HasPrefix(seg, ".") && seg != "." && seg != ".." {
			return true
		}
	}
	return false
}

// carried reports whether a file of that path belongs into a folder or an
// archive: only what is read back from there is written there, and what nobody
// would take for a part of a snapshot is neither.
func carried(p string) bool { return !hidden(p) && formOf(p) != formOther && pathFault(p) == "" }

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

// A segment is one of a pattern, cut at its variable: "screen-{slug}.json". One
// without a variable has no name, and all of it is before.
type segment struct{ before, name, after string }

func cutSegment(pattern string) segment {
	before, rest, _ := strings.Cut(pattern, "{")
	name, after, _ := strings.Cut(rest, "}")
	return segment{before, name, after}
}

// match returns what a segment of a path gives to the variable, if it fits.
func (s segment) match(seg string) (value string, ok bool) {
	if s.name == "" {
		return "", s.before == seg
	}
	if len(seg) <= len(s.before)+len(s.after) || !strings.HasPrefix(seg, s.before) || !strings.HasSuffix(seg, s.after) {
		return "", false
	}
	return seg[len(s.before) : len(seg)-len(s.after)], true
}

// checkCase reports paths that differ in case only, and paths that would be a
// file and a folder at once.
func checkCase(files Files, ps *problems) {
	paths, seen := files.Paths(), make(map[string]string, len(files))
	for _, path := range paths {
		folded := fold(path)
		if other, ok := seen[folded]; ok {
			ps.add(Error, path, "", CodePathCase, "rename one of the two", "the path differs from %q in case only", other)
			continue
		}
		seen[folded] = path
	}
	folder, taken := "", []string(nil) // of the path before: most have the same
	for _, path := range paths {
		if in := path[:strings.LastIndexByte(path, '/')+1]; in != folder {
			folder, taken = in, through(in, seen)
		}
		for _, file := range taken {
			ps.add(Error, path, "", CodePath, "", "the path goes through %q, which is a file", file)
		}
	}
}

// through returns the files, by their folded paths, whose names the folders on the way
// to a folder have.
func through(folder string, files map[string]string) []string {
	var out []string
	for i, c := range folder {
		if c != '/' {
			continue
		}
		if file, ok := files[fold(folder[:i])]; ok {
			out = append(out, file)
		}
	}
	return out
}

// fold brings paths that differ in case only to the same text.
func fold(path string) string {
	if strings.IndexFunc(path, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return strings.ToUpper(path) // capital letters are the least
	}
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, path)
}
