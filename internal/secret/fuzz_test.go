package secret_test

import (
	"testing"

	"postern/internal/secret"
)

// FuzzOpen opens what nobody sealed: files of a master key, wrapped data keys
// and sealed values as somebody would leave them who writes to the disk.
func FuzzOpen(f *testing.F) {
	m, file, err := secret.NewMaster()
	if err != nil {
		f.Fatal(err)
	}
	wrapped, key, err := m.NewDataKey("P1")
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := key.Seal(place, secret.New("value"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, file, wrapped, sealed, sealed[:len(sealed)-1], append(sealed[:5:5], sealed...)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if value, err := key.Open(place, b); err == nil && value.Reveal() != "value" {
			t.Error("a value opens that nobody sealed")
		}
		if other, err := m.OpenDataKey("P1", b); err == nil && other == nil {
			t.Error("a data key is nothing")
		}
		if other, err := secret.LoadMaster(b); err == nil && other.Primary() == 0 {
			t.Error("a master key has no id")
		}
	})
}
