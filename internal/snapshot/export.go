package snapshot

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
)

// A Format is how an export renders assets.
type Format string

// The formats that clients name.
const (
	FormatSplit Format = ""      // assets in files of their own; "split" means the same
	FormatPlain Format = "plain" // assets inside the documents
)

// ErrFormat is an export format that does not exist.
var ErrFormat = fault.New(fault.Invalid, "E011003", `the format must be "", "split" or "plain"`)

// ParseFormat reads the word of a client.
func ParseFormat(s string) (Format, error) {
	if !slices.Contains([]string{"", "split", "plain"}, s) {
		return "", ErrFormat
	}
	if s == "plain" {
		return FormatPlain, nil
	}
	return FormatSplit, nil
}

// Render turns the stored files of a configuration into those of an export. It
// takes them over.
func Render(files Files, format Format) Files {
	if format == FormatSplit {
		extractAssets(files)
		return files
	}
	for path := range files {
		if strings.HasPrefix(path, assetsFolder) {
			delete(files, path)
		}
	}
	return files
}

// Encode writes files as the value of the wire's member "files".
func Encode(enc *jsontext.Encoder, files Files) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, path := range files.Paths() {
		if err := enc.WriteToken(jsontext.String(path)); err != nil {
			return err
		}
		var err error
		switch formOf(path) {
		case formJSON:
			err = enc.WriteValue(files[path])
		case formImage:
			err = enc.WriteToken(jsontext.String(base64.StdEncoding.EncodeToString(files[path])))
		default:
			err = enc.WriteToken(jsontext.String(string(files[path])))
		}
		if err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}
