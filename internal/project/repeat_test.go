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

func (f *fixture) send(t testing.TB, key string, up *snapshot.Upload) (*Result, error) {
	t.Helper()
	return f.Import(t.Context(), tester, Import{Project: f.id, Upload: up, Key: key})
}

// The same request with the same key is one import: it gets the same answer
// again, whatever happened to the project since.
func TestTheSameKeyIsOneImport(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		first, err := f.send(t, "k1", small("a", "one"))
		if err != nil || first.Repeated {
			t.Fatal(err)
		}
		f.load(t, small("b", "two"))
		before := testkit.Rows(t, f.DB)
		again, err := f.send(t, "k1", small("a", "one"))
		if err != nil || !again.Repeated || again.Revision != 1 || again.Digest != first.Digest || !again.Changed || len(again.Changes) != len(first.Changes) {
			t.Errorf("%+v, %v; the first answer was %+v", again, err, first)
		}
		f.same(t, before)
		same, err := f.send(t, "k2", small("b", "two")) // which changes nothing
		if err != nil || same.Changed {
			t.Fatalf("%+v, %v", same, err)
		}
		f.load(t, small("c", "two"))
		if again, err := f.send(t, "k2", small("b", "two")); err != nil || !again.Repeated || again.Changed || again.Revision != 2 {
			t.Errorf("%+v, %v", again, err)
		}
	})
}

// The same key with anything else is refused, and nothing is applied.
func TestAnotherRequestWithTheKeyIsRefused(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		if _, err := f.send(t, "k", small("a", "one")); err != nil {
			t.Fatal(err)
		}
		before := testkit.Rows(t, f.DB)
		for name, change := range map[string]func(up *snapshot.Upload){
			"another file":    func(up *snapshot.Upload) { up.Files["project.json"] = []byte(`{}`) },
			"another secret":  func(up *snapshot.Upload) { up.Secrets[0].Value = secret.New("two") },
			"another exclude": func(up *snapshot.Upload) { up.Excludes = []string{"flows"} },
			"another message": func(up *snapshot.Upload) { up.Message = "why" },
			"strict":          func(up *snapshot.Upload) { up.Strict = true },
		} {
			up := small("a", "one")
			change(up)
			if _, err := f.send(t, "k", up); !errors.Is(err, ErrOtherBody) {
				t.Errorf("%s: got %v, want %v", name, explain(err), ErrOtherBody)
			}
		}
		for _, bad := range []string{"a b", "ä", "\x7f", strings.Repeat("k", 256)} {
			if _, err := f.send(t, bad, small("a", "one")); !errors.Is(err, ErrKey) {
				t.Errorf("the key %q: got %v, want %v", bad, err, ErrKey)
			}
		}
		f.same(t, before)
	})
}

// Whoever lost the connection asks what became of the import.
func TestImportedSaysWhatBecameOfAnImport(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		up := small("a", "one")
		up.Secrets = nil
		if _, err := f.send(t, "k", up); !errors.Is(err, snapshot.ErrInvalid) {
			t.Fatalf("got %v", err)
		}
		if _, err := f.Imported(t.Context(), f.id, "k"); !errors.Is(err, ErrNoImport) {
			t.Errorf("after a refusal: got %v, want %v", err, ErrNoImport)
		}
		res, err := f.send(t, "k", small("a", "one")) // a refused one keeps no key
		if err != nil {
			t.Fatal(err)
		}
		done, err := f.Imported(t.Context(), f.id, "k")
		if err != nil || done.Digest != res.Digest || done.Revision != 1 || !done.Changed {
			t.Errorf("%+v, %v", done, err)
		}
		other := f.create(t, "Other")
		if _, err := f.Imported(t.Context(), other.ID, "k"); !errors.Is(err, ErrNoImport) {
			t.Errorf("in another project: got %v, want %v", err, ErrNoImport)
		}
		err = f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE import_keys SET created_at = created_at - 86401`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Imported(t.Context(), f.id, "k"); !errors.Is(err, ErrNoImport) {
			t.Errorf("a day later: got %v, want %v", err, ErrNoImport)
		}
		if res, err := f.send(t, "k", small("b", "two")); err != nil || res.Revision != 2 {
			t.Errorf("the key, used again a day later: %+v, %v", res, err)
		}
	})
}

// Many requests with one key at once are one revision.
func TestOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		errs := together(8, func(int) error {
			_, err := f.send(t, "k", small("a", "one"))
			return err
		})
		for _, err := range errs {
			if err != nil && !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		}
		if res, err := f.send(t, "k", small("a", "one")); err != nil || !res.Repeated || res.Revision != 1 {
			t.Errorf("%+v, %v", res, err)
		}
		if n := len(testkit.Rows(t, f.DB)["revisions"]); n != 1 {
			t.Errorf("%d revisions", n)
		}
	})
}
