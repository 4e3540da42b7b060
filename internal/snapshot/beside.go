package snapshot

import (
	"slices"
	"sync"
)

// SignatureFile is where the signature of a snapshot lies.
const SignatureFile = "signature.json"

// Beside are the files that travel with a snapshot, in every carrier, and are no
// part of the configuration: a check takes them out, and no export has them.
var Beside = []File{
	{Pattern: SignatureFile, Schema: "signature"},
	{Pattern: environmentsFolder + "{environment}.json", Schema: "environment"},
}

// beside finds the row of a file that travels with a snapshot.
func beside(path string) (place, bool) {
	list := besideRows()
	for i := range list {
		if at, ok := list[i].match(path); ok {
			return at, true
		}
	}
	return place{}, false
}

var besideRows = sync.OnceValue(func() []row {
	var out []row
	for i := range Beside {
		out = append(out, newRow(place{File: &Beside[i]}))
	}
	return out
})

// TravelsBeside reports whether a file travels with a snapshot and is no part of
// the configuration.
func TravelsBeside(path string) bool {
	_, is := beside(path)
	return is
}

// takeBeside moves the files that are no part of the configuration out of an
// upload.
func takeBeside(files Files) Files {
	out := Files{}
	for path, content := range files {
		if TravelsBeside(path) {
			out[path] = content
			delete(files, path)
		}
	}
	return out
}

// CheckBeside says what is wrong with a file that travels with a snapshot. What
// its schema does not know is an error: nothing else reads it.
func CheckBeside(path string, content []byte) []Problem {
	at, is := beside(path)
	if !is {
		return nil
	}
	doc, err := parse(content)
	if err != nil {
		return []Problem{{File: path, Code: CodeJSON, Level: Error, Message: "the document is not JSON"}}
	}
	list := slices.Clone(gather(path, at, doc).problems)
	for i := range list {
		list[i].Level = Error
	}
	return list
}

// Signed are the files that a signature covers: all of an upload as they came,
// but for the signature itself. What a carrier adds to a file is left away, so
// that a folder, an archive and a body of the API have one digest.
func (up *Upload) Signed() Tree {
	out := Tree{}
	for path, content := range up.Files {
		if path == SignatureFile {
			continue
		}
		if formOf(path) == formText {
			text, _ := assetText(path, content)
			content = []byte(text)
		}
		digest := up.sum(path)
		if digest == (Digest{}) {
			digest = Sum(content)
		}
		out[path] = digest
	}
	return out
}
