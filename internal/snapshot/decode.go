package snapshot

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
	"postern/internal/secret"
)

// What makes a request as a whole unreadable.
var (
	ErrBody = fault.New(fault.Invalid, "E011001", "the body is not the JSON object that this call takes")
	ErrMany = fault.New(fault.TooLarge, "P41302", "the snapshot has too many files")
)

// maxProblems bounds what is collected of a hostile upload.
const maxProblems = 1000

// maxInputs bounds the JSON values of a member beside the files: a tiny secret
// takes a hundred times more memory than it takes bytes.
const maxInputs = 100_000

// An Upload is what a carrier brought, before it is checked.
type Upload struct {
	Files    Files
	Excludes []string
	Secrets  []InputSecret

	Strict         bool       // unknown keys and files are errors
	SameIDs        bool       // an id that the target has means the same entity, whatever its name
	AllowMoved     bool       // carry stored secrets over to a destination that has changed
	AllowWeakening []RiskCode // what of what weakens security is meant
	Message        string     // why, for the record
	Source         Source     // where from, for the record
	Plan           string     // the digest of the plan that this must be; blank for none
	Keep           bool       // the plan is kept for somebody else to look at
	Within         string     // how long a confirmation is waited for, as it was written: "10m"; blank for not at all
	Problems       []Problem
	PassedOver     []string // files of a folder or an archive that belong to no snapshot
	Base           int64    // the number of the revision that the files come from, where it is asked what moved since; 0 for not known

	Environment string // whose values the placeholders in the files get; blank for none
	Stored      bool   // the files are a revision: nothing in them is a placeholder

	sums map[string]summed // digests that are known already, by path
}

// An InputSecret is a credential that travels beside the files.
type InputSecret struct {
	Group string // the name of one of SecretGroups
	ID    string
	Name  string
	Type  string
	Value secret.Text
}

// Decode reads the body of an import or a validation from the wire. It returns
// an error only where the body as a whole cannot be read; what is wrong with a
// single file is in the upload's problems. Members that it does not know are
// passed over, as clients send some of their own.
func Decode(r io.Reader, maxFiles int) (*Upload, error) {
	return (*Cache)(nil).Decode(r, maxFiles, nil)
}

// Decode is the function of that name, but does not work on a document again
// that the cache knows to be in canonical form. Where files are likely to be those of
// a tree it does not even look for their ends.
func (c *Cache) Decode(r io.Reader, maxFiles int, likely Tree) (*Upload, error) {
	up := &Upload{Files: make(Files, len(likely)), sums: make(map[string]summed, len(likely))}
	d := decoder{splitter: splitter{src: r}, maxFiles: maxFiles, cache: c, likely: likely, settler: newSettler(c), up: up, seen: map[string]bool{}}
	err := d.body()
	if before := d.settler.finish(d.up, &d.problems); before != nil {
		err = before
	}
	if err != nil {
		return nil, err
	}
	checkCase(d.up.Files, &d.problems)
	d.up.Problems = d.problems.sorted()
	return d.up, nil
}

// bodyError says what the JSON library found wrong with a part of the body that
// begins at a byte of it. It keeps the fault of the reader below, as for a body that
// is too large or a client that went away.
func bodyError(err error, at int64) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	var syntax *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.Is(err, io.EOF):
		return ErrBody.WithMessage("the body is empty; it must be a JSON object")
	case errors.As(err, &syntax):
		if strings.Contains(syntax.Error(), "exceeded max depth") {
			return errTooDeep
		}
		return notJSON(at + syntax.ByteOffset)
	case errors.As(err, &semantic):
		return ErrBody
	default:
		return err
	}
}

type decoder struct {
	splitter
	maxFiles int
	cache    *Cache
	likely   Tree
	settler  *settler
	up       *Upload
	problems problems
	seen     map[string]bool // members of the body
}

// body reads the whole body.
func (d *decoder) body() error {
	if c, err := d.peek(); err != nil || c != '{' {
		return d.other()
	}
	if err := d.object(d.member); err != nil {
		return err
	}
	if _, err := d.peek(); !errors.Is(err, io.EOF) {
		return d.other()
	}
	return nil
}

// other says what is wrong where no object begins, or something stands behind it.
func (d *decoder) other() error {
	at := d.offset()
	rest := io.MultiReader(bytes.NewReader(d.buf[d.at:]), d.src)
	if _, err := jsontext.NewDecoder(rest, lax()...).ReadToken(); err != nil {
		return bodyError(err, at)
	}
	return ErrBody
}

func (d *decoder) member(name string) error {
	if d.seen[name] {
		return ErrBody.WithMessage(fmt.Sprintf("the body has the member %q twice", name))
	}
	switch name {
	case "files", "excludes", "inputSecrets", "strict", "allowMovedSecrets", "allowWeakening", "message", "source", "confirmWithin", "plan", "keep", "base", "environment":
		d.seen[name] = true // of others nothing is read
	}
	switch name {
	case "files":
		return d.files()
	case "excludes":
		return d.typed(&d.up.Excludes, "excludes must be a list of strings")
	case "inputSecrets":
		return d.secrets()
	case "strict":
		return d.typed(&d.up.Strict, "strict must be true or false")
	case "allowMovedSecrets":
		return d.typed(&d.up.AllowMoved, "allowMovedSecrets must be true or false")
	case "allowWeakening":
		return d.typed(&d.up.AllowWeakening, "allowWeakening must be a list of the codes of risks")
	case "message":
		return d.typed(&d.up.Message, "message must be a string")
	case "source":
		return d.typed(&d.up.Source, "source must hold commit, branch and repository, which are strings, and dirty, which is true or false")
	case "confirmWithin":
		return d.typed(&d.up.Within, `confirmWithin must be a length of time in a string, such as "10m"`)
	case "plan":
		return d.typed(&d.up.Plan, "plan must be the digest of a plan, in a string")
	case "keep":
		return d.typed(&d.up.Keep, "keep must be true or false")
	case "base":
		return d.typed(&d.up.Base, "base must be the number of a revision")
	case "environment":
		return d.typed(&d.up.Environment, "environment must be the name of an environment, in a string")
	default:
		_, err := d.judged()
		return err
	}
}

// judged takes a value that is JSON.
func (d *decoder) judged() (jsontext.Value, error) {
	value, at, err := d.value()
	if err == nil {
		err = judge(value, at)
	}
	return value, err
}

// typed reads a value into out; null leaves it as it is.
func (d *decoder) typed(out any, complaint string) error {
	value, err := d.judged()
	if err != nil {
		return err
	}
	if moreValues(value, maxInputs) {
		return ErrMany.WithMessage("excludes or inputSecrets are too many")
	}
	if err := json.Unmarshal(value, out); err != nil {
		return ErrBody.WithMessage(complaint)
	}
	return nil
}

// secrets reads inputSecrets: a list for each group.
func (d *decoder) secrets() error {
	var groups map[string][]struct {
		ID    string `json:"id"`
		Name  string `json:"name"`
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	if err := d.typed(&groups, "inputSecrets must hold lists of {id, name, type, value}"); err != nil {
		return err
	}
	for _, group := range sortedKeys(groups) {
		for _, s := range groups[group] {
			d.up.Secrets = append(d.up.Secrets, InputSecret{
				Group: group, ID: s.ID, Name: s.Name, Type: s.Type, Value: secret.New(s.Value),
			})
		}
	}
	return nil
}

// files reads the files.
func (d *decoder) files() error {
	c, err := d.next()
	if err != nil {
		return err
	}
	if c == '{' {
		return d.object(d.file)
	}
	value, err := d.judged()
	if err == nil && value.Kind() != 'n' {
		err = ErrBody.WithMessage("files must be an object of files by path")
	}
	return err
}

// file reads one file.
func (d *decoder) file(path string) error {
	doc, known := d.guess(path)
	value, at, err := jsontext.Value(doc.content), int64(0), error(nil)
	if !known {
		if value, at, err = d.value(); err != nil {
			return err
		}
	}
	content, taken, err := d.content(path, value)
	if taken {
		d.up.Files[path] = content
	}
	switch {
	case known && taken:
		d.up.sums[path] = doc
		return nil
	case known:
		return err
	case taken && formOf(path) == formJSON:
		d.settler.settle(raw{path, content, at}) // which judges it
		return nil
	}
	if wrong := judge(value, at); wrong != nil {
		return wrong
	}
	return err
}

// content returns that of a file, if it is taken. What is wrong with it is a problem.
func (d *decoder) content(path string, value jsontext.Value) (content []byte, taken bool, err error) {
	if len(d.up.Files) >= d.maxFiles {
		return nil, false, ErrMany.WithMessage(fmt.Sprintf("the snapshot has more than %d files", d.maxFiles))
	}
	if len(d.problems.list) >= maxProblems {
		return nil, false, nil // enough is wrong already; the rest is read to its end only
	}
	if fault := pathFault(path); fault != "" {
		d.problems.add(Error, printablePath(path), "", CodePath, "", "the path %s", fault)
		return nil, false, nil
	}
	if _, twice := d.up.Files[path]; twice {
		d.problems.add(Error, path, "", CodeFileTwice, "remove one of the two", "the file is there twice")
		return nil, false, nil
	}
	content, taken = decodeFile(path, value, &d.problems)
	return content, taken, nil
}

// printablePath makes a hostile path fit for an answer and a log.
func printablePath(p string) string {
	const most = 120
	p = strings.ToValidUTF8(p, "\uFFFD")
	p = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return '\uFFFD'
		}
		return r
	}, p)
	if r := []rune(p); len(r) > most {
		p = string(r[:most]) + "…"
	}
	return p
}

// decodeFile brings the value of one member of "files" into portable form.
func decodeFile(path string, value jsontext.Value, ps *problems) ([]byte, bool) {
	if formOf(path) == formJSON {
		if value.Kind() != '{' {
			ps.add(Error, path, "", CodeFileType, "", "a .json file must be a JSON object, this is %s", kindName(value.Kind()))
			return nil, false
		}
		return value, true // canonical is for others, while more is read
	}
	if value.Kind() != '"' {
		ps.add(Error, path, "", CodeFileType, "only .json files hold objects", "the file must be a string, this is %s", kindName(value.Kind()))
		return nil, false
	}
	if utf8.Valid(value) { // else unquoting makes three bytes of one
		if text, err := jsontext.AppendUnquote(make([]byte, 0, len(value)), value); err == nil {
			return textFile(path, text, ps)
		}
	}
	ps.add(Error, path, "", CodeUTF8, "", "the text is not valid UTF-8")
	return nil, false
}

// textFile is the content of a file that travels as text, which it keeps.
func textFile(path string, text []byte, ps *problems) ([]byte, bool) {
	if formOf(path) != formImage {
		return text, true
	}
	b, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil || bytes.ContainsAny(text, "\r\n") {
		ps.add(Error, path, "", CodeBase64, "images travel as standard base64 with padding", "the file is not base64")
		return nil, false
	}
	return b, true
}

// FileFromBytes brings a file as it lies in a folder or an archive into
// portable form.
func FileFromBytes(path string, b []byte) ([]byte, []Problem) {
	ps := &problems{}
	if fault := pathFault(path); fault != "" {
		ps.add(Error, printablePath(path), "", CodePath, "", "the path %s", fault)
		return nil, ps.list
	}
	switch formOf(path) {
	case formJSON:
		value := jsontext.Value(b).Clone()
		if value.Kind() != '{' {
			if message, hint := mistake(b); message != "" {
				ps.add(Error, path, "", CodeJSON, hint, "%s", message)
				return nil, ps.list
			}
			ps.add(Error, path, "", CodeFileType, "", "a .json file must be a JSON object")
			return nil, ps.list
		}
		doc, _ := canonical(path, value, ps)
		return doc, ps.list
	case formText, formOther:
		if !utf8.Valid(b) {
			ps.add(Error, path, "", CodeUTF8, "", "the text is not valid UTF-8")
			return nil, ps.list
		}
	case formImage: // any bytes
	}
	return b, ps.list
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	case '0':
		return "a number"
	case '"':
		return "a string"
	case '[':
		return "a list"
	default:
		return "an object"
	}
}
