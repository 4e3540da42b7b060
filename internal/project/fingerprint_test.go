package project

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/store"
	"postern/internal/testkit"
)

// What is destroyed leaves nothing that a guess could be tried against.
func TestDestroyedValueLeavesNoFingerprint(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "leaked"))
		f.load(t, small("a", "new"))
		if n, err := f.RevokeSecrets(t.Context(), tester, f.id, "CI1"); n != 1 || err != nil {
			t.Fatalf("%d destroyed, %v", n, err)
		}
		var left, kept int
		err := f.DB.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
			return tx.QueryRow(`SELECT
				(SELECT COUNT(*) FROM secrets WHERE revoked_at <> 0 AND fingerprint IS NOT NULL),
				(SELECT COUNT(*) FROM secrets WHERE revoked_at = 0 AND fingerprint IS NOT NULL)`).Scan(&left, &kept)
		})
		if err != nil || left != 0 || kept != 1 {
			t.Errorf("%d of destroyed values, %d of the others, %v", left, kept, err)
		}
		f.inspect(t)
	})
}

// A value that is damaged is mended by giving it again, although its fingerprint
// says that it is there.
func TestDamagedValueIsMendedByTheSameValue(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE secrets SET sealed = $1`, []byte("nonsense"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		up := small("a", "one")
		up.Plan = f.plan(t, small("a", "one")).Digest.String()
		if res := f.load(t, up); !res.Changed || len(res.Changes) != 0 {
			t.Errorf("changed %v, %v", res.Changed, res.Changes)
		}
		if diff := cmp.Diff([]string{"one"}, f.secrets(t, f.id)); diff != "" {
			t.Errorf("secrets (-want +got):\n%s", diff)
		}
		if res := f.load(t, small("a", "one")); res.Changed {
			t.Error("what was mended is sealed once more")
		}
	})
}

// Any process can apply what another one planned, also where a third one rotated
// the key before.
func TestPlanOfAnotherProcess(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		one, other := f.process(), f.process()
		for _, p := range []*fixture{one, other} {
			p.plan(t, small("b", "two")) // it knows the key that there is
		}
		if _, err := other.RotateKey(t.Context(), tester, f.id); err != nil {
			t.Fatal(err)
		}
		up := small("b", "two")
		up.Plan = one.plan(t, small("b", "two")).Digest.String()
		if res := other.load(t, up); !res.Changed {
			t.Error("nothing was applied")
		}
	})
}
