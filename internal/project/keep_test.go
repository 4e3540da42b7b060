package project

import (
	"context"
	"errors"
	"strings"
	"testing"

	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

func (f *fixture) keepAt(t *testing.T, at Place, value string) {
	t.Helper()
	err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return f.Keep(tx, at, secret.New(value)) })
	if err != nil {
		t.Fatal(err)
	}
}

// What is kept opens at its place only, survives a rotation, is looked at by the
// doctor, and goes when it is dropped.
func TestKeep(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		at := Place{Project: f.id, Kind: "totp", Entity: "U1", Field: "seed"}
		f.keepAt(t, at, "first")
		f.keepAt(t, at, "planted-value")
		kept := func(p *fixture) string {
			v, err := p.Kept(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			return v.Reveal()
		}
		if got := kept(f); got != "planted-value" {
			t.Errorf("Kept = %q", got)
		}
		done, err := f.RotateKey(t.Context(), tester, f.id)
		if err != nil || done.Resealed != 1 {
			t.Fatalf("rotation: %+v, %v", done, err)
		}
		if got := kept(f.process()); got != "planted-value" {
			t.Errorf("after a rotation: %q", got)
		}
		for _, row := range testkit.Rows(t, f.DB) {
			for _, line := range row {
				if strings.Contains(line, "planted-value") {
					t.Error("it is in the database in clear")
				}
			}
		}
		other := f.create(t, "Other").ID
		for name, p := range map[string]Place{
			"another project": {Project: other, Kind: at.Kind, Entity: at.Entity, Field: at.Field},
			"another entity":  {Project: f.id, Kind: at.Kind, Entity: "U2", Field: at.Field},
		} {
			if _, err := f.Kept(t.Context(), p); !errors.Is(err, ErrNotKept) {
				t.Errorf("%s: %v", name, err)
			}
		}
		err = f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE kept_secrets SET entity = 'U2' WHERE entity = 'U1'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Kept(t.Context(), Place{Project: f.id, Kind: at.Kind, Entity: "U2", Field: at.Field}); err == nil {
			t.Error("a value that was moved opens")
		}
		var found []Finding
		err = f.DB.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := f.Inspect(tx, func(x Finding) { found = append(found, x) })
			return err
		})
		if err != nil || len(found) != 1 {
			t.Errorf("found %v, %v", found, err)
		}
		err = f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return f.Drop(tx, f.id, "totp", "U2") })
		if err != nil {
			t.Fatal(err)
		}
		if n := len(testkit.Rows(t, f.DB)["kept_secrets"]); n != 0 {
			t.Errorf("%d rows after it was dropped", n)
		}
	})
}

// An edit is a revision; two at once both count; one that changes nothing is none.
func TestEdit(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "first"))
		edit := func(path, text string) error {
			return f.Edit(t.Context(), tester, f.id, "set one thing", func(snapshot.Files) (snapshot.Files, error) {
				return snapshot.Files{path: []byte(text)}, nil
			})
		}
		done := make(chan error, 2)
		go func() { done <- edit("auth/otp.json", `{"expirationTime":9}`) }()
		go func() { done <- edit("auth/totp.json", `{"issuerLabelTemplate":"Shop"}`) }()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Fatal(err)
		}
		c, err := f.Config(t.Context(), f.id)
		if err != nil || c.Revision != 3 || c.Methods.TOTP.IssuerLabel != "Shop" || c.Methods.OTP.Lifetime.Minutes() != 9 || len(c.Connectors) != 1 {
			t.Errorf("%+v, %v", c, err)
		}
		shown, err := f.Revision(t.Context(), f.id, 3)
		if err != nil || shown.Kind != KindEdit || shown.Message != "set one thing" {
			t.Errorf("%+v, %v", shown, err)
		}
		if err := edit("auth/totp.json", `{"issuerLabelTemplate":"Shop"}`); err != nil {
			t.Error(err)
		}
		if c, err := f.Config(t.Context(), f.id); err != nil || c.Revision != 3 {
			t.Errorf("an edit that changes nothing made revision %d, %v", c.Revision, err)
		}
		if err := edit("auth/otp.json", `{"expirationTime":"soon"}`); !errors.Is(err, snapshot.ErrInvalid) {
			t.Errorf("a wrong edit: %v", err)
		}
	})
}
