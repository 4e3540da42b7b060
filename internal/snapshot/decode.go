package snapshot

import (
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
func Decode(r io.Reader, maxFiles int) (*Upload, error) { return (*Cache)(nil).Decode(r, maxFiles) }

// Decode is the function of that name, but does not work on a document again
// that the cache knows to be in canonical form.
func (c *Cache) Decode(r io.Reader, maxFiles int) (*Upload, error) {
	// Names and text are judged file by file, so that one bad file does not
	// hide what is wrong with the others.
	dec := jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	d := decoder{dec: dec, maxFiles: maxFiles, settler: newSettler(c), up: &Upload{Files: Files{}}, seen: map[string]bool{}}
	err := d.object(d.member)
	d.settler.finish(d.up, &d.problems)
	if err != nil {
		return nil, bodyError(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			return nil, ErrBody
		}
		return nil, bodyError(err)
	}
	checkCase(d.up.Files, &d.problems)
	d.up.Problems = d.problems.sorted()
	return d.up, nil
}

// bodyError keeps the fault of the reader below, as for a body that is too
// large or a client that went away.
func bodyError(err error) error {
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
			return ErrBody.WithMessage("the body is nested too deeply")
		}
		return ErrBody.WithMessage(fmt.Sprintf("the body is not JSON (at byte %d)", syntax.ByteOffset))
	case errors.As(err, &semantic):
		return ErrBody
	default:
		return err
	}
}

type decoder struct {
	dec      *jsontext.Decoder
	maxFiles int
	settler  *settler
	up       *Upload
	problems problems
	seen     map[string]bool // members of the body
}

// object reads an object and calls member for each name; member reads the value.
func (d *decoder) object(member func(name string) error) error {
	tok, err := d.dec.ReadToken()
	if err != nil {
		return err
	}
	if tok.Kind() != '{' {
		return ErrBody
	}
	for d.dec.PeekKind() != '}' {
		tok, err := d.dec.ReadToken()
		if err != nil {
			return err
		}
		if err := member(tok.String()); err != nil {
			return err
		}
	}
	_, err = d.dec.ReadToken()
	return err
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
		if d.dec.PeekKind() == 'n' {
			return d.dec.SkipValue()
		}
		if d.dec.PeekKind() != '{' && d.dec.PeekKind() > 0 {
			return ErrBody.WithMessage("files must be an object of files by path")
		}
		return d.object(d.file)
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
		return d.dec.SkipValue()
	}
}

// typed reads a value into out; null leaves it as it is.
func (d *decoder) typed(out any, complaint string) error {
	value, err := d.dec.ReadValue()
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

// file reads one file.
func (d *decoder) file(path string) error {
	value, err := d.dec.ReadValue()
	if err != nil {
		return err
	}
	if len(d.up.Files) >= d.maxFiles {
		return ErrMany.WithMessage(fmt.Sprintf("the snapshot has more than %d files", d.maxFiles))
	}
	if len(d.problems.list) >= maxProblems {
		return nil // enough is wrong already; the rest is read to its end only
	}
	if fault := pathFault(path); fault != "" {
		d.problems.add(Error, printablePath(path), "", CodePath, "", "the path %s", fault)
		return nil
	}
	if _, twice := d.up.Files[path]; twice {
		d.problems.add(Error, path, "", CodeFileTwice, "remove one of the two", "the file is there twice")
		return nil
	}
	if content, ok := decodeFile(path, value, &d.problems); ok {
		d.up.Files[path] = content
		if formOf(path) == formJSON {
			d.settler.settle(path, content)
		}
	}
	return nil
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
		return value.Clone(), true // canonical is for later, when all are read
	}
	if value.Kind() != '"' {
		ps.add(Error, path, "", CodeFileType, "only .json files hold objects", "the file must be a string, this is %s", kindName(value.Kind()))
		return nil, false
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		ps.add(Error, path, "", CodeUTF8, "", "the text is not valid UTF-8")
		return nil, false
	}
	return textFile(path, text, ps)
}

func textFile(path, text string, ps *problems) ([]byte, bool) {
	if formOf(path) != formImage {
		return []byte(text), true
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
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

// checkCase reports paths that differ in case only, and paths that would be a
// file and a folder at once.
func checkCase(files Files, ps *problems) {
	seen := make(map[string]string, len(files))
	for _, path := range files.Paths() {
		folded := fold(path)
		if other, ok := seen[folded]; ok {
			ps.add(Error, path, "", CodePathCase, "rename one of the two", "the path differs from %q in case only", other)
			continue
		}
		seen[folded] = path
	}
	for _, path := range files.Paths() {
		for i, c := range path {
			if c != '/' {
				continue
			}
			if other, ok := seen[fold(path[:i])]; ok {
				ps.add(Error, path, "", CodePath, "", "the path goes through %q, which is a file", other)
			}
		}
	}
}

// fold brings paths that differ in case only to the same text.
func fold(path string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, path)
}
