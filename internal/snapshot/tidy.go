package snapshot

// Tidy returns a file of a folder as an export would write it: documents with
// sorted members and two spaces, numbers and texts in their shortest spelling,
// assets of text with their newline. What the file says stays the same, and
// tidying it again changes nothing.
func Tidy(path string, b []byte) ([]byte, []Problem) {
	content, problems := FileFromBytes(path, b)
	if len(problems) > 0 {
		return nil, problems
	}
	return OnDisk(path, content), nil
}

// OnWire returns files as the wire has them: without the newline that a folder
// has at the end of a text asset, and that is no part of the text.
func OnWire(files Files) Files {
	out := make(Files, len(files))
	for path, content := range files {
		if formOf(path) == formText {
			text, _ := assetText(path, content)
			content = []byte(text)
		}
		out[path] = content
	}
	return out
}

// Carried reports whether a file of that path is read back from a folder or an
// archive.
func Carried(path string) bool { return carried(path) }
