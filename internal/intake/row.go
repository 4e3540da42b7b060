package intake

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A row is one record of a file: values by the plain form of their names, so that
// "Email Verified", "email_verified" and "emailVerified" are one.
type row map[string]jsontext.Value

// plain is a name as rows have it.
func plain(name string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(name))
}

// errForm is a value of another kind than its name asks for.
type errForm struct{ name, want string }

func (e errForm) Error() string { return fmt.Sprintf("%s must be %s", e.name, e.want) }

// there reports whether a row has a value.
func (r row) there(name string) bool { v := r[name]; return len(v) > 0 && v.Kind() != 'n' }

// text returns a text or a number, or nothing.
func (r row) text(name string) (string, error) {
	v := r[name]
	switch {
	case !r.there(name):
		return "", nil
	case v.Kind() == '0':
		return string(v), nil
	case v.Kind() != '"':
		return "", errForm{name, "text"}
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return "", errForm{name, "text"}
	}
	return s, nil
}

// flag returns a truth value, also one that is written as text, or nil.
func (r row) flag(name string) (*bool, error) {
	if !r.there(name) {
		return nil, nil
	}
	yes, no := true, false
	if kind := r[name].Kind(); kind == 't' || kind == 'f' {
		yes = kind == 't'
		return &yes, nil
	}
	s, err := r.text(name)
	switch {
	case err != nil:
	case slices.Contains([]string{"true", "yes", "1"}, key(s)):
		return &yes, nil
	case slices.Contains([]string{"false", "no", "0"}, key(s)):
		return &no, nil
	case key(s) == "":
		return nil, nil
	}
	return nil, errForm{name, "true or false"}
}

// list returns a list of texts: one of JSON, also inside a text as in CSV, or texts with
// semicolons between them.
func (r row) list(name string) ([]string, error) {
	if !r.there(name) {
		return nil, nil
	}
	v := r[name]
	if v.Kind() == '"' {
		s, err := r.text(name)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(strings.TrimSpace(s), "[") {
			return unique(strings.Split(s, ";")...), nil
		}
		v = jsontext.Value(s)
	}
	var out []string
	if err := json.Unmarshal(v, &out); err != nil {
		return nil, errForm{name, "a list of texts"}
	}
	return unique(out...), nil
}

// object returns a JSON object, also one inside a text, or nil.
func (r row) object(name string) (map[string]any, error) {
	if !r.there(name) {
		return nil, nil
	}
	v := r[name]
	if v.Kind() == '"' {
		s, err := r.text(name)
		if err != nil || strings.TrimSpace(s) == "" {
			return nil, err
		}
		v = jsontext.Value(s)
	}
	var out map[string]any
	if err := json.Unmarshal(v, &out); err != nil {
		return nil, errForm{name, "a JSON object"}
	}
	return out, nil
}

// name is how a failure calls the record: by what the file has of it, or its number
// from 1.
func (r row) name(n int) string {
	for _, name := range []string{"loginid", "identifier", "email", "phonenumber", "phone", "username", "cognito:username", "userid", "localid", "id"} {
		if s, err := r.text(name); err == nil && s != "" && len(s) <= 254 {
			return s
		}
	}
	return fmt.Sprintf("record %d", n)
}

// errRow is a record that is no object.
var errRow = errors.New("the record is not a JSON object with names that are all different")

// readRows gives each record of a file to fn, with its number from 1: the members of a
// JSON array, or of the member "users" of an object, JSON objects one after the other, or
// the lines of a CSV file after the one with the names. A record that cannot be read has
// an error; a file that cannot be read on is one.
func readRows(text []byte, fn func(n int, one row, err error) error) error {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\uFEFF")))
	switch {
	case len(text) == 0:
		return errors.New("it is empty")
	case text[0] == '[' || text[0] == '{':
		n := 0
		return readJSON(text, func(v jsontext.Value) error {
			n++
			one, err := asRow(v)
			return fn(n, one, err)
		})
	}
	return readCSV(text, fn)
}

// decoder reads JSON whose records are judged one by one.
func decoder(text []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

func readJSON(text []byte, fn func(jsontext.Value) error) error {
	d := decoder(text)
	if d.PeekKind() == '[' {
		if err := items(d, fn); err != nil {
			return err
		}
		if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
			return errors.New("something stands after its list")
		}
		return nil
	}
	for first := true; ; first = false {
		v, err := d.ReadValue()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return malformed(err)
		}
		if list := wrapped(v); first && list != nil {
			return items(decoder(list), fn)
		}
		if err := fn(v); err != nil {
			return err
		}
	}
}

// wrapped returns the list of users that an object holds, or nil.
func wrapped(v jsontext.Value) jsontext.Value {
	var of struct {
		Users jsontext.Value `json:"users"`
	}
	if v.Kind() != '{' || json.Unmarshal(v, &of, json.MatchCaseInsensitiveNames(true), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) != nil || of.Users.Kind() != '[' {
		return nil
	}
	return of.Users
}

func items(d *jsontext.Decoder, fn func(jsontext.Value) error) error {
	if _, err := d.ReadToken(); err != nil {
		return malformed(err)
	}
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return malformed(err)
		}
		if err := fn(v); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return malformed(err)
}

// malformed says where JSON ends to be JSON, and nothing of what stands there.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("it is not JSON from byte %d on", s.ByteOffset)
	}
	return errors.New("it is not JSON to its end")
}

func asRow(v jsontext.Value) (row, error) {
	var members map[string]jsontext.Value
	if v.Kind() != '{' || json.Unmarshal(v, &members) != nil {
		return row{}, errRow
	}
	out := row{}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if out[plain(name)] != nil {
			return out, fmt.Errorf("it has %.60q under two names", name)
		}
		out[plain(name)] = members[name].Clone()
	}
	return out, nil
}

// mostColumns bounds the columns of a CSV file.
const mostColumns = 500

func readCSV(text []byte, fn func(n int, one row, err error) error) error {
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	var names []string
	for n := 0; ; n++ {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if p, ok := errors.AsType[*csv.ParseError](err); ok {
				return fmt.Errorf("it is neither JSON nor CSV at line %d", p.Line)
			}
			return err
		}
		if n == 0 {
			if len(fields) > mostColumns {
				return fmt.Errorf("it has more than %d columns", mostColumns)
			}
			for _, name := range fields {
				names = append(names, plain(strings.TrimSpace(name)))
			}
			continue
		}
		one, err := csvRow(names, fields)
		if err := fn(n, one, err); err != nil {
			return err
		}
	}
}

func csvRow(names, fields []string) (row, error) {
	one := row{}
	if len(fields) > len(names) {
		return one, errors.New("the line has more fields than the first one has names")
	}
	for i, field := range fields {
		if field == "" || names[i] == "" {
			continue
		}
		v, err := jsontext.AppendQuote(nil, field)
		if err != nil {
			return one, errors.New("the line is not UTF-8")
		}
		if one[names[i]] != nil {
			return one, fmt.Errorf("the first line names %.60q twice", names[i])
		}
		one[names[i]] = v
	}
	return one, nil
}
