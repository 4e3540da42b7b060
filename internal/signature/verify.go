package signature

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/snapshot"
)

// A Signer is a key that signed, or may.
type Signer struct {
	Name string    `json:"name,omitzero"` // what people call it
	Key  PublicKey `json:"key"`
}

// String writes a signer as ParseSigner reads it.
func (s Signer) String() string { return s.Name + "=" + string(s.Key) }

// ParseSigner reads a name and a public key, as "release=ed25519:…".
func ParseSigner(text string) (Signer, error) {
	name, key, _ := strings.Cut(text, "=")
	public, err := ParsePublicKey(key)
	if err == nil && name == "" {
		err = errors.New("it has no name")
	}
	if err != nil {
		return Signer{}, fmt.Errorf("%q is no signer: %w", text, err)
	}
	return Signer{Name: name, Key: public}, nil
}

// A Demand is what signed files are held against. Its zero value asks for nothing
// and knows nobody: what does not fit is a warning.
type Demand struct {
	Required bool     // what does not fit is an error, and so is no signature
	Signers  []Signer // those that are trusted
	Project  string   // the id of the project that the files are for; blank is not known
}

const again = "sign the files again with postern sign"

// Verify says who signed an upload, and what does not fit. Nobody signed it where
// anything does not fit, but for the signer not being one that is trusted. Call it
// before a check takes the files over.
func (d Demand) Verify(up *snapshot.Upload) (*Signer, []snapshot.Problem) {
	v := &verification{level: snapshot.Warning}
	if d.Required {
		v.level = snapshot.Error
	}
	content := up.Files[snapshot.SignatureFile]
	if content == nil {
		if d.Required {
			v.add("", "", snapshot.CodeUnsigned, "sign the files with postern sign, by a key that the policy of the project names",
				"the snapshot is not signed, and only signed ones are taken")
		}
		return nil, v.list
	}
	doc, tree, ok := v.read(content)
	if !ok {
		return nil, v.list
	}
	v.files(tree, up.Signed())
	v.scope("project", doc.Projects, d.Project, d.Project != "")
	v.scope("environment", doc.Environments, up.Environment, true)
	fits := len(v.list) == 0
	signer := d.Signer(doc.Key)
	if signer.Name == "" && (d.Required || len(d.Signers) > 0) {
		v.add(snapshot.SignatureFile, "/key", snapshot.CodeSigner, "sign with a key that is named there, or let an admin add this one with postern project policy --signer",
			"it is signed by the key %s, which is none of those that are trusted here", doc.Key)
	}
	if !fits || d.Required && signer.Name == "" {
		return nil, v.list
	}
	return &signer, v.list
}

// Signer is whom a key belongs to; one that is not trusted has no name.
func (d Demand) Signer(key PublicKey) Signer {
	for _, s := range d.Signers {
		if s.Key == key {
			s.Name = cmp.Or(s.Name, string(s.Key))
			return s
		}
	}
	return Signer{Key: key}
}

// A verification collects what does not fit.
type verification struct {
	level snapshot.Level
	list  []snapshot.Problem
}

func (v *verification) add(file, pointer string, code snapshot.Code, hint, format string, args ...any) {
	v.list = append(v.list, snapshot.Problem{File: file, Pointer: pointer, Code: code, Level: v.level, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// read reads the file of a signature, and refuses one that its key did not make.
func (v *verification) read(content []byte) (*document, snapshot.Tree, bool) {
	var doc document
	found := snapshot.CheckBeside(snapshot.SignatureFile, content)
	if len(found) == 0 && json.Unmarshal(content, &doc) != nil {
		found = []snapshot.Problem{{Message: "it holds something else"}}
	}
	for _, p := range found {
		p.File, p.Code, p.Level, p.Hint = snapshot.SignatureFile, snapshot.CodeSignature, v.level, again
		p.Message = "it is no signature: " + p.Message
		v.list = append(v.list, p)
	}
	if len(found) > 0 {
		return nil, nil, false
	}
	tree, ok := doc.tree()
	if !ok || !doc.genuine(tree) {
		v.add(snapshot.SignatureFile, "/signature", snapshot.CodeSignature, again, "the signature is not that of its key over what the file says: somebody changed it")
		return nil, nil, false
	}
	return &doc, tree, true
}

// fewFiles is how many files are named one by one.
const fewFiles = 20

// files compares what was signed with what is there.
func (v *verification) files(signed, now snapshot.Tree) {
	var names []string
	for path := range signed {
		names = append(names, path)
	}
	for path := range now {
		if _, both := signed[path]; !both {
			names = append(names, path)
		}
	}
	slices.Sort(names)
	more := 0
	for _, path := range names {
		was, had := signed[path]
		is, has := now[path]
		message := "the file is not as it was signed"
		switch {
		case had && has && was == is:
			continue
		case !had:
			message = "the file was added since the others were signed"
		case !has:
			message = "the file was signed, and is missing"
		}
		if len(v.list) >= fewFiles {
			more++
			continue
		}
		v.add(path, "", snapshot.CodeSignedFiles, "bring back what was signed, or "+again, "%s", message)
	}
	if more > 0 {
		v.add(snapshot.SignatureFile, "/files", snapshot.CodeSignedFiles, again, "%d more files are not as they were signed", more)
	}
}

// scope compares where the files may go with where they are about to.
func (v *verification) scope(what string, signed []string, now string, known bool) {
	if !known || len(signed) == 0 || slices.Contains(signed, now) {
		return
	}
	here := fmt.Sprintf("the %s %s", what, now)
	if now == "" {
		here = "no " + what
	}
	v.add(snapshot.SignatureFile, "/"+what+"s", snapshot.CodeSignedFor, fmt.Sprintf("sign it for this %s with postern sign --%s, or for any without", what, what),
		"the snapshot is signed for the %s %s, and this is %s", what, strings.Join(signed, ", "), here)
}
