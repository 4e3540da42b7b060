package snapshot

import (
	"bufio"
	"encoding/base64"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
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

// WriteBody writes {"files": …} as the wire has it, with the members of more,
// an object, behind them. The documents are canonical already and are copied as
// they are.
func WriteBody(w io.Writer, files Files, more any) error {
	out := bufio.NewWriterSize(w, 64<<10)
	separator := `{"files":{`
	var buf []byte
	var err error
	for _, path := range files.Paths() {
		buf = append(buf[:0], separator...)
		separator = ","
		if buf, err = jsontext.AppendQuote(buf, path); err != nil {
			return err
		}
		buf = append(buf, ':')
		switch formOf(path) {
		case formJSON: // written below, as it is
		case formImage:
			buf = append(buf, '"')
			buf = base64.StdEncoding.AppendEncode(buf, files[path])
			buf = append(buf, '"')
		default:
			if buf, err = jsontext.AppendQuote(buf, files[path]); err != nil {
				return err
			}
		}
		if _, err := out.Write(buf); err != nil {
			return err
		}
		if formOf(path) == formJSON {
			if _, err := out.Write(files[path]); err != nil {
				return err
			}
		}
	}
	if len(files) == 0 {
		_, _ = out.WriteString(separator) // Flush says whether it failed
	}
	_, _ = out.WriteString("}")
	if more != nil {
		b, err := json.Marshal(more, json.Deterministic(true))
		if err != nil {
			return err
		}
		if len(b) > len("{}") {
			_, _ = out.WriteString(",")
			_, _ = out.Write(b[1 : len(b)-1])
		}
	}
	_, _ = out.WriteString("}\n")
	return out.Flush()
}
