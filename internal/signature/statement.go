package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// version is that of the statement.
const version = 1

// A Scope is where a snapshot may be imported. What is empty is anywhere.
type Scope struct {
	Projects     []string
	Environments []string
}

// document is what the file of a signature holds; its schema says what each
// member is.
type document struct {
	Version      int               `json:"version"`
	Key          PublicKey         `json:"key"`
	Projects     []string          `json:"projects,omitempty"`
	Environments []string          `json:"environments,omitempty"`
	Files        map[string]string `json:"files"`
	Signature    string            `json:"signature"`
}

// statement is the message that is signed: lines of text, the first of which is
// in no other message that anything signs. The digest is that of the manifest of
// the files.
func statement(files snapshot.Tree, scope Scope) []byte {
	var b strings.Builder
	b.WriteString("postern snapshot signature v1\ndigest " + files.Digest().String() + "\n")
	for _, p := range sorted(scope.Projects) {
		b.WriteString("project " + p + "\n")
	}
	for _, e := range sorted(scope.Environments) {
		b.WriteString("environment " + e + "\n")
	}
	return []byte(b.String())
}

func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// Sign returns the file of a signature over files, in canonical form. The error is one of the key.
func (k Key) Sign(files snapshot.Tree, scope Scope) ([]byte, error) {
	private, err := k.private()
	if err != nil {
		return nil, err
	}
	public, err := k.Public()
	if err != nil {
		return nil, err
	}
	doc := document{
		Version: version, Key: public, Projects: sorted(scope.Projects), Environments: sorted(scope.Environments), Files: map[string]string{},
		Signature: base64.StdEncoding.EncodeToString(ed25519.Sign(private, statement(files, scope))),
	}
	for path, digest := range files {
		doc.Files[path] = digest.String()
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	content := jsontext.Value(b)
	return content, content.Canonicalize()
}

// tree is the list of files that the signature covers.
func (d *document) tree() (snapshot.Tree, bool) {
	out := snapshot.Tree{}
	for path, text := range d.Files {
		digest, err := snapshot.ParseDigest(text)
		if err != nil || strings.ContainsAny(path, "\n\x00") {
			return nil, false
		}
		out[path] = digest
	}
	return out, true
}

// genuine reports whether the signature is that of its key over what the
// document says.
func (d *document) genuine(files snapshot.Tree) bool {
	key, err := d.Key.bytes()
	if err != nil {
		return false
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(d.Signature)
	return err == nil && ed25519.Verify(key, statement(files, Scope{d.Projects, d.Environments}), sum)
}
