package api

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
)

// errFile is a file in a body that is none.
var errFile = fault.New(fault.Invalid, "E011003", "Request is invalid: a file is text, or base64")

// fileBytes are a file in the body of a request: base64, as programs in Go send it; its
// text; or bytes as programs in JavaScript write them as JSON, an object whose members
// are numbered, or a list.
type fileBytes []byte

// UnmarshalJSONFrom reads the forms. null is no file.
func (f *fileBytes) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	switch v.Kind() {
	case 'n':
		*f = nil
	case '"':
		var s string
		if err := json.Unmarshal(v, &s, jsontext.AllowInvalidUTF8(true)); err != nil {
			return errFile
		}
		*f = textOrBase64(s)
	case '[', '{':
		*f, err = numbered(v)
	default:
		err = errFile
	}
	return err
}

// textOrBase64 returns what a text holds. No file of users is base64 by itself: that has
// neither brackets, nor commas, nor lines.
func textOrBase64(s string) []byte {
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
		if !strings.ContainsAny(s, "\r\n,[{") {
			if b, err := e.DecodeString(s); err == nil {
				return b
			}
		}
	}
	return []byte(s)
}

// numbered reads bytes of a list, or of an object whose members are numbered in their
// order, or that has them as "data".
func numbered(v jsontext.Value) ([]byte, error) {
	d := jsontext.NewDecoder(bytes.NewReader(v))
	isList := v.Kind() == '['
	if _, err := d.ReadToken(); err != nil {
		return nil, errFile
	}
	var out []byte
	for k := d.PeekKind(); k != ']' && k != '}'; k = d.PeekKind() {
		if !isList {
			name, err := d.ReadToken()
			if err != nil {
				return nil, errFile
			}
			text := name.String() // a token holds until the next one is read
			switch text {
			case "type":
				if err := d.SkipValue(); err != nil {
					return nil, errFile
				}
				continue
			case "data":
				list, err := d.ReadValue()
				if err != nil || list.Kind() != '[' {
					return nil, errFile
				}
				return numbered(list.Clone())
			case strconv.Itoa(len(out)):
			default:
				return nil, errFile
			}
		}
		t, err := d.ReadToken()
		if err != nil || t.Kind() != '0' {
			return nil, errFile
		}
		n, err := strconv.ParseUint(t.String(), 10, 8)
		if err != nil {
			return nil, errFile
		}
		out = append(out, byte(n))
	}
	return out, nil
}
