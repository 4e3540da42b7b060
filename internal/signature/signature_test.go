package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
)

func newKey(t testing.TB) (Key, PublicKey) {
	t.Helper()
	key, text, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadKey([]byte(text.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	public, err := read.Public()
	if own, _ := key.Public(); err != nil || own != public {
		t.Fatalf("the key that was written is %s, and %s when it is read: %v", own, public, err)
	}
	return read, public
}

func files() snapshot.Files {
	return snapshot.Files{"snapshot.json": []byte(`{"version":5}`), "roles.json": []byte(`{"roles":[]}`)}
}

func signed(t testing.TB, key Key, scope Scope) *snapshot.Upload {
	t.Helper()
	up := &snapshot.Upload{Files: files()}
	content, err := key.Sign(up.Signed(), scope)
	if err != nil {
		t.Fatal(err)
	}
	up.Files[snapshot.SignatureFile] = content
	return up
}

// Whatever is wrong has an error of its own, at its file, with something to do.
func TestWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	key, public := newKey(t)
	other, stranger := newKey(t)
	replace := func(from, to string) func(*snapshot.Upload) {
		return func(up *snapshot.Upload) {
			was := string(up.Files[snapshot.SignatureFile])
			if up.Files[snapshot.SignatureFile] = []byte(strings.Replace(was, from, to, 1)); !strings.Contains(was, from) {
				t.Errorf("the signature has no %q", from)
			}
		}
	}
	for name, tt := range map[string]struct {
		key    Key
		scope  Scope
		change func(*snapshot.Upload)
		want   []string
	}{
		"all fits":              {key, Scope{}, func(*snapshot.Upload) {}, nil},
		"it is for here":        {key, Scope{[]string{"P2", "P1"}, []string{"staging"}}, func(*snapshot.Upload) {}, nil},
		"there is none":         {key, Scope{}, func(up *snapshot.Upload) { delete(up.Files, snapshot.SignatureFile) }, []string{"unsigned "}},
		"a file changed":        {key, Scope{}, func(up *snapshot.Upload) { up.Files["roles.json"] = []byte(`{}`) }, []string{"signature_files roles.json"}},
		"a file was added":      {key, Scope{}, func(up *snapshot.Upload) { up.Files["lists.json"] = []byte(`{}`) }, []string{"signature_files lists.json"}},
		"a file is missing":     {key, Scope{}, func(up *snapshot.Upload) { delete(up.Files, "roles.json") }, []string{"signature_files roles.json"}},
		"a key that is unknown": {other, Scope{}, func(*snapshot.Upload) {}, []string{"signature_key signature.json"}},
		"another project":       {key, Scope{Projects: []string{"P2"}}, func(*snapshot.Upload) {}, []string{"signature_scope signature.json"}},
		"another environment":   {key, Scope{Environments: []string{"production"}}, func(*snapshot.Upload) {}, []string{"signature_scope signature.json"}},
		"no environment":        {key, Scope{Environments: []string{"staging"}}, func(up *snapshot.Upload) { up.Environment = "" }, []string{"signature_scope signature.json"}},
		"the scope was widened": {key, Scope{Projects: []string{"P2"}}, replace(`"P2"`, `"P1"`), []string{"signature_invalid signature.json"}},
		"the scope was removed": {key, Scope{Projects: []string{"P2"}}, replace(`"projects":["P2"],`, ``), []string{"signature_invalid signature.json"}},
		"another's name is put": {other, Scope{}, replace(string(stranger), string(public)), []string{"signature_invalid signature.json"}},
		"the list was changed": {key, Scope{}, func(up *snapshot.Upload) {
			up.Files["roles.json"] = []byte(`{}`)
			replace(snapshot.Sum([]byte(`{"roles":[]}`)).String(), snapshot.Sum([]byte(`{}`)).String())(up)
		}, []string{"signature_invalid signature.json"}},
		"a project as an environment": {key, Scope{Environments: []string{"P1"}}, replace(`"environments"`, `"projects"`), []string{"signature_invalid signature.json"}},
		"it is something else": {key, Scope{}, func(up *snapshot.Upload) { up.Files[snapshot.SignatureFile] = []byte(`{"version":2}`) }, []string{
			"signature_invalid signature.json", "signature_invalid signature.json", "signature_invalid signature.json", "signature_invalid signature.json",
		}},
		"it says more than it may": {key, Scope{}, replace(`{`, `{"until":1,`), []string{"signature_invalid signature.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := signed(t, tt.key, tt.scope)
			up.Environment = "staging"
			tt.change(up)
			demand := Demand{Required: true, Signers: []Signer{{Name: "release", Key: public}}, Project: "P1"}
			by, found := demand.Verify(up)
			var got []string
			for _, p := range found {
				got = append(got, string(p.Code)+" "+p.File)
				if p.Hint == "" || p.Message == "" || p.Level != snapshot.Error {
					t.Errorf("%+v", p)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s%v", diff, found)
			}
			if (by == nil) != (len(tt.want) > 0) || by != nil && by.Name != "release" {
				t.Errorf("signed by %+v", by)
			}
			before := by
			demand = Demand{}
			by, found = demand.Verify(up)
			if snapshot.Failed(found) {
				t.Errorf("where nothing is asked for it is refused: %v", found)
			}
			if before != nil && (by == nil || by.Key != public || by.Name != "") {
				t.Errorf("where nobody is known it is signed by %+v", by)
			}
		})
	}
}

// What is signed is what the documentation says, so that others can check it.
func TestTheStatementIsTheOneThatIsWrittenDown(t *testing.T) {
	t.Parallel()
	tree := (&snapshot.Upload{Files: files()}).Signed()
	want := fmt.Sprintf("postern snapshot signature v1\ndigest %s\nproject P1\nproject P2\nenvironment staging\n", tree.Digest())
	scope := Scope{[]string{"P2", "P1", "P2"}, []string{"staging"}}
	if got := string(statement(tree, scope)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	key, _ := newKey(t)
	private, err := key.private()
	if err != nil {
		t.Fatal(err)
	}
	content, err := key.Sign(tree, scope)
	if err != nil {
		t.Fatal(err)
	}
	if found := snapshot.CheckBeside(snapshot.SignatureFile, content); len(found) > 0 {
		t.Error(found)
	}
	if again := ed25519.Sign(private, []byte(want)); !strings.Contains(string(content), base64.StdEncoding.EncodeToString(again)) {
		t.Error("the signature is over something else")
	}
}

// In a folder a text has a newline at its end that the wire does not have.
func TestTheCarrierMakesNoDifference(t *testing.T) {
	t.Parallel()
	const name = "assets/welcome-a591a6d40bf420404a011733cfb7b190d62c65bf0bcda32b57b277d9ad9f146e.txt" // SHA-256 of the text
	one := &snapshot.Upload{Files: snapshot.Files{name: []byte("Hello World")}}
	two := &snapshot.Upload{Files: maps.Clone(one.Files)}
	two.Files[name] = snapshot.OnDisk(name, one.Files[name])
	if one.Signed().Digest() != two.Signed().Digest() {
		t.Errorf("%q and %q have two digests", one.Files[name], two.Files[name])
	}
}

func TestAKeyDoesNotPrint(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t)
	seed := key.seed.Reveal()
	for _, text := range []string{fmt.Sprint(key), fmt.Sprintf("%+v %#v", key, key)} {
		if strings.Contains(text, seed) || strings.Contains(text, fmt.Sprintf("%x", seed)) {
			t.Error("it prints")
		}
	}
	if _, err := (Key{}).Sign(snapshot.Tree{}, Scope{}); err == nil {
		t.Error("the zero value signs")
	}
	for _, file := range []string{"", "hunter2", "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n"} {
		if _, err := ReadKey([]byte(file)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q is read: %v", file, err)
		}
	}
}

func TestAPublicKeyHasOneSpelling(t *testing.T) {
	t.Parallel()
	_, public := newKey(t)
	for _, text := range []string{"", "ed25519:", string(public)[len(algorithm):], string(public) + "\n", " " + string(public), strings.ToUpper(string(public)), string(public) + "="} {
		if _, err := ParsePublicKey(text); err == nil {
			t.Errorf("%q is a public key", text)
		}
	}
	if _, err := ParsePublicKey(string(public)); err != nil {
		t.Error(err)
	}
}
