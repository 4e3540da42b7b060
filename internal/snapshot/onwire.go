package snapshot

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
