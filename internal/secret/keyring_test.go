package secret_test

import (
	"bytes"
	"strings"
	"testing"

	"postern/internal/secret"
)

var place = secret.Binding{Project: "P1", Kind: "connector", Entity: "CI1", Field: "/authentication/token", Version: "3"}

func newMaster(t *testing.T) (master *secret.Master, file []byte) {
	t.Helper()
	m, file, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	return m, file
}

func newDataKey(t *testing.T, m *secret.Master, project string) (wrapped []byte, key *secret.DataKey) {
	t.Helper()
	wrapped, key, err := m.NewDataKey(project)
	if err != nil {
		t.Fatal(err)
	}
	return wrapped, key
}

// seal seals the hidden value for place.
func seal(t *testing.T, k *secret.DataKey) []byte {
	t.Helper()
	sealed, err := k.Seal(place, secret.New(hidden))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSealedOpensAfterARestart(t *testing.T) {
	t.Parallel()
	m, file := newMaster(t)
	wrapped, key := newDataKey(t, m, "P1")
	sealed := seal(t, key)
	for _, stored := range [][]byte{wrapped, sealed} {
		if bytes.Contains(stored, []byte(hidden)) {
			t.Fatal("the value is stored in clear")
		}
	}
	if bytes.Equal(sealed, seal(t, key)) {
		t.Error("the same value sealed twice looks the same")
	}

	m, err := secret.LoadMaster(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err = m.OpenDataKey("P1", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	got, err := key.Open(place, sealed)
	if err != nil {
		t.Fatal(err)
	}
	if got.Reveal() != hidden {
		t.Errorf("Open = %q", got.Reveal())
	}
}

func TestSealedOpensNowhereElse(t *testing.T) {
	t.Parallel()
	m, _ := newMaster(t)
	_, key := newDataKey(t, m, "P1")
	sealed := seal(t, key)
	moved := map[string]func(*secret.Binding){
		"another project":                 func(b *secret.Binding) { b.Project = "P2" },
		"another kind":                    func(b *secret.Binding) { b.Kind = "oauthProvider" },
		"another entity":                  func(b *secret.Binding) { b.Entity = "CI2" },
		"another field":                   func(b *secret.Binding) { b.Field = "/authentication/password" },
		"another version":                 func(b *secret.Binding) { b.Version = "2" },
		"the same letters cut otherwise":  func(b *secret.Binding) { b.Kind, b.Entity = "connectorC", "I1" },
		"two parts given as one":          func(b *secret.Binding) { b.Entity, b.Field = b.Entity+b.Field, "" },
		"a part left out":                 func(b *secret.Binding) { b.Version = "" },
		"no place at all":                 func(b *secret.Binding) { *b = secret.Binding{} },
		"two parts the other way round":   func(b *secret.Binding) { b.Entity, b.Field = b.Field, b.Entity },
		"the field moved to the version ": func(b *secret.Binding) { b.Field, b.Version = "", b.Field+b.Version },
	}
	for name, move := range moved {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := place
			move(&b)
			if got, err := key.Open(b, sealed); err == nil || !got.IsZero() {
				t.Errorf("it opens there too: %v", err)
			}
		})
	}
	for i := range sealed {
		broken := bytes.Clone(sealed)
		broken[i] ^= 1
		if _, err := key.Open(place, broken); err == nil {
			t.Fatalf("it opens with byte %d changed", i)
		}
	}
}

// A row of one project copied to another, with its data key, must not open.
func TestProjectsAreApart(t *testing.T) {
	t.Parallel()
	m, _ := newMaster(t)
	wrapped, one := newDataKey(t, m, "P1")
	_, two := newDataKey(t, m, "P2")
	sealed := seal(t, one)
	there := place
	there.Project = "P2"

	if _, err := m.OpenDataKey("P2", wrapped); err == nil {
		t.Error("another project opens the data key")
	}
	for _, b := range []secret.Binding{place, there} {
		if _, err := two.Open(b, sealed); err == nil {
			t.Errorf("the other project's key opens the secret at %+v", b)
		}
	}
	if _, err := one.Seal(there, secret.New(hidden)); err == nil {
		t.Error("a project's key seals for another project")
	}
}

func TestWrongMaster(t *testing.T) {
	t.Parallel()
	m, _ := newMaster(t)
	wrapped, _ := newDataKey(t, m, "P1")
	other, _ := newMaster(t)
	if _, err := other.OpenDataKey("P1", wrapped); err == nil {
		t.Error("another master key opens the data key")
	}
}

func TestLoadMasterRefuses(t *testing.T) {
	t.Parallel()
	_, file := newMaster(t)
	files := map[string]string{
		"an empty file":  "",
		"an empty set":   `{"primaryKeyId":1,"key":[]}`,
		"no JSON":        "hunter2-is-a-secret",
		"half a file":    string(file[:len(file)/2]),
		"a foreign key":  strings.ReplaceAll(string(file), "AesGcmKey", "HmacKey"),
		"a key too weak": strings.ReplaceAll(string(file), `"value":"`, `"value":"AA==","x":"`),
	}
	for name, f := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := secret.LoadMaster([]byte(f))
			if err == nil {
				t.Fatal("it loads")
			}
			if f != "" && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error quotes the file: %v", err)
			}
		})
	}
}

func TestZeroValuesRefuse(t *testing.T) {
	t.Parallel()
	var noMaster *secret.Master
	for _, m := range []*secret.Master{noMaster, {}} {
		if _, _, err := m.NewDataKey("P1"); err == nil {
			t.Error("a zero Master makes data keys")
		}
		if _, err := m.OpenDataKey("P1", []byte("x")); err == nil {
			t.Error("a zero Master opens data keys")
		}
	}
	var noKey *secret.DataKey
	for _, k := range []*secret.DataKey{noKey, {}} {
		if _, err := k.Seal(place, secret.New(hidden)); err == nil {
			t.Error("a zero DataKey seals")
		}
		if _, err := k.Open(place, []byte("x")); err == nil {
			t.Error("a zero DataKey opens")
		}
	}
	m, _ := newMaster(t)
	if _, _, err := m.NewDataKey(""); err == nil {
		t.Error("a data key belongs to no project")
	}
	_, key := newDataKey(t, m, "P1")
	for _, b := range []secret.Binding{{}, {Project: "P1"}, {Kind: "connector"}} {
		if _, err := key.Seal(b, secret.New(hidden)); err == nil {
			t.Errorf("it seals for %+v", b)
		}
	}
	if _, err := key.Seal(place, secret.Text{}); err == nil {
		t.Error("it seals nothing")
	}
}
