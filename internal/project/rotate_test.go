package project

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
)

// process returns a service on the same database with the same master key, as
// another process has it: with caches of its own.
func (f *fixture) process() *fixture {
	return &fixture{Service: &Service{DB: f.DB, Master: f.Master, Log: f.Log}, id: f.id, logs: f.logs}
}

// keys returns "project version" of every data key.
func (f *fixture) keyVersions(t *testing.T, id string) []int64 {
	t.Helper()
	var out []int64
	err := f.DB.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		rows, err := dataKeys(tx, id)
		for _, r := range rows {
			out = append(out, r.version)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRotateKey(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "first"))
		older := f.place(t, f.id)
		f.load(t, small("a", "second"))
		other := f.process()
		if _, err := other.dataKey(t.Context(), f.id); err != nil { // it remembers the key of now
			t.Fatal(err)
		}
		for want := int64(2); want <= 3; want++ {
			done, err := f.RotateKey(t.Context(), tester, f.id)
			if err != nil {
				t.Fatal(err)
			}
			if done != (Rotation{Version: want, Resealed: 2}) {
				t.Errorf("RotateKey = %+v", done)
			}
			if diff := cmp.Diff([]int64{want}, f.keyVersions(t, f.id)); diff != "" {
				t.Errorf("data keys (-want +got):\n%s", diff)
			}
			for name, s := range map[string]*fixture{"here": f, "in another process": other, "after a restart": f.process()} {
				if diff := cmp.Diff([]string{"second"}, s.secrets(t, f.id)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
				if v, err := s.open(t.Context(), f.id, older); err != nil || v.Reveal() != "first" {
					t.Errorf("the secret of an older revision does not open %s: %v", name, err)
				}
			}
		}
		// The other process seals with a key that is gone, and finds out.
		if res, err := other.Import(t.Context(), tester, Import{Project: f.id, Upload: small("b", "third")}); err != nil || !res.Changed {
			t.Fatal(explain(err))
		}
		if diff := cmp.Diff([]string{"third"}, f.secrets(t, f.id)); diff != "" {
			t.Errorf("secrets (-want +got):\n%s", diff)
		}
		res, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small("b", "third")})
		if err != nil || res.Changed {
			t.Errorf("the same again: %+v, %v", res, explain(err))
		}
	})
}

func TestRotateKeyRefuses(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s"))
		if _, err := f.RotateKey(t.Context(), tester, "Pabsent"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a project that is not there: %v", err)
		}
		err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE secrets SET sealed = $1`, []byte("damaged"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		before := testkit.Rows(t, f.DB)
		if _, err := f.RotateKey(t.Context(), tester, f.id); err == nil {
			t.Error("a secret that does not open is lost with its key")
		}
		f.same(t, before)
	})
}

// Two processes import, a third one rotates: nothing is sealed with a key that
// is gone, and nobody is told of it.
func TestRotateKeyWhileOthersImport(t *testing.T) {
	t.Parallel()
	const rounds = 12
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s"))
		importers := []*fixture{f.process(), f.process()}
		var busy atomic.Int32
		busy.Store(int32(len(importers)))
		errs := together(3, func(i int) error {
			if i == 2 {
				for busy.Load() > 0 {
					if _, err := f.RotateKey(t.Context(), tester, f.id); err != nil && !errors.Is(err, store.ErrBusy) {
						return err
					}
				}
				return nil
			}
			defer busy.Add(-1)
			for n := range rounds {
				mark := fmt.Sprintf("m%dx%d", i, n)
				_, err := importers[i].Import(t.Context(), tester, Import{Project: f.id, Upload: small(mark, mark)})
				if err != nil && fault.From(err).Kind != fault.Conflict && !errors.Is(err, store.ErrBusy) {
					return fmt.Errorf("importer %d: %w", i, explain(err))
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if _, err := f.process().RotateKey(t.Context(), tester, f.id); err != nil { // opens every secret
			t.Error(err)
		}
	})
}

// rotatedMaster returns the master key of a fixture with a newer one beside it,
// and the newer one alone.
func rotatedMaster(t *testing.T, file []byte) (both, alone *secret.Master, aloneFile []byte) {
	t.Helper()
	bothFile, err := secret.AddMasterKey(file)
	if err != nil {
		t.Fatal(err)
	}
	aloneFile, dropped, err := secret.DropMasterKeys(bothFile)
	if err != nil || dropped != 1 {
		t.Fatalf("%d keys dropped, %v", dropped, err)
	}
	both, err = secret.LoadMaster(bothFile)
	if err != nil {
		t.Fatal(err)
	}
	if alone, err = secret.LoadMaster(aloneFile); err != nil {
		t.Fatal(err)
	}
	return both, alone, aloneFile
}

func TestRewrap(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		db := testkit.Open(t, url)
		old, file, err := secret.NewMaster()
		if err != nil {
			t.Fatal(err)
		}
		f := &fixture{Service: &Service{DB: db, Master: old}}
		f.id = f.create(t, "Test").ID
		f.load(t, small("a", "one"))
		both, alone, aloneFile := rotatedMaster(t, file)
		next := &fixture{Service: &Service{DB: db, Master: both}, id: f.id}
		wantWrapped(t, next.Service, 0, 1, false)
		if _, err := (&Service{DB: db, Master: alone}).Rewrap(t.Context(), tester); err == nil {
			t.Error("a master key that opens nothing rewraps")
		}
		if n, err := next.Rewrap(t.Context(), tester); err != nil || n != 1 {
			t.Fatalf("Rewrap = %d, %v", n, err)
		}
		if n, err := next.Rewrap(t.Context(), tester); err != nil || n != 0 {
			t.Errorf("Rewrap again = %d, %v", n, err)
		}
		wantWrapped(t, next.Service, 1, 0, true)
		last := &fixture{Service: &Service{DB: db, Master: alone}, id: f.id}
		if diff := cmp.Diff([]string{"one"}, last.secrets(t, f.id)); diff != "" {
			t.Errorf("with the new key alone (-want +got):\n%s", diff)
		}

		// A server that still has the old file goes on with what it has open,
		// and makes nothing that the old key would be needed for.
		if diff := cmp.Diff([]string{"one"}, f.secrets(t, f.id)); diff != "" {
			t.Errorf("with the old key (-want +got):\n%s", diff)
		}
		before := testkit.Rows(t, db)
		_, err = f.Create(t.Context(), tester, New{Name: "New"})
		_, cloneErr := f.Clone(t.Context(), tester, f.id, New{Name: "New"})
		_, rotateErr := f.RotateKey(t.Context(), tester, f.id)
		for _, err := range []error{err, cloneErr, rotateErr} {
			if !errors.Is(err, ErrOldMaster) {
				t.Errorf("with the old key: %v, want %v", err, ErrOldMaster)
			}
		}
		f.same(t, before)
		// Until it reads the file again, which it does by itself, also where the old key
		// is not in it any more.
		old.Follow(func() ([]byte, error) { return aloneFile, nil })
		made := f.create(t, "New").ID
		if _, err := last.dataKey(t.Context(), made); err != nil {
			t.Errorf("the new key alone does not open what was made: %v", err)
		}
		wantWrapped(t, f.Service, 2, 0, true)
	})
}

func wantWrapped(t *testing.T, s *Service, newest, older int, pinned bool) {
	t.Helper()
	n, o, p, err := s.Wrapped(t.Context())
	if err != nil || n != newest || o != older || p != pinned {
		t.Errorf("Wrapped = %d, %d, %t, %v, want %d, %d, %t", n, o, p, err, newest, older, pinned)
	}
}
