package snapshot

// GivenSecrets warns of each credential that stands in a file itself: an import
// takes it from there, but files in a repository are read by many, and for ever.
// Nobody but the machine that has the folder is told; for a server it is a way to
// give secrets. The files stay as they are.
func GivenSecrets(up *Upload, cache *Cache) []Problem {
	level := Warning
	if up.Strict {
		level = Error
	}
	ps := &problems{}
	for _, path := range up.Files.Paths() {
		at, ok := locate(path)
		if !ok || at.File.Schema == "" {
			continue
		}
		doc := &document{at: at, path: path, content: up.Files[path], sum: up.sum(path)}
		for _, e := range cache.gather(doc).entities {
			for _, f := range merged(e.secrets) {
				if f.state != secretGiven {
					continue
				}
				if _, is := placeholderName(lookupPointer(doc.value(), f.pointer)); is {
					continue // which is refused where it gets its value
				}
				ps.add(level, path, f.pointer, CodeSecretInFile, "put "+Placeholder+" there, give it in inputSecrets, and replace it if it was committed",
					"the %s of %s %q stands in the file, where everybody who has the files can read it", f.kind(), KindWords(e.Kind), e.label())
			}
		}
		doc.tree = nil
	}
	return ps.sorted()
}
