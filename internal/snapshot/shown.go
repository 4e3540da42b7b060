package snapshot

// Showable returns which values of a document may be shown to people, by their
// pointers: those that a schema describes and that are no credentials. What no
// schema describes may be a credential in the wrong place.
func Showable(path string, content []byte) func(pointer string) bool {
	at, ok := locate(path)
	if !ok || at.File.Schema == "" {
		return func(string) bool { return false }
	}
	doc, err := parse(content)
	if err != nil {
		return func(string) bool { return false }
	}
	shown := map[string]bool{}
	walk(enter(nil, doc, "", "", list(schemaOf(at.File))), func(f *frame) {
		shown[f.pointer] = !f.confidential()
	})
	return func(pointer string) bool { return shown[pointer] }
}

// confidential reports whether a value is a credential.
func (f *frame) confidential() bool {
	for _, s := range f.schemas {
		if s.WriteOnly {
			return true
		}
	}
	for _, w := range f.words {
		if w.Secret != nil {
			return true
		}
	}
	return false
}
