package project

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// What a service remembers of revisions is what another one, on the same
// database, made of them.
func TestRememberedTree(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s"))
		other := &Service{DB: f.DB, Master: f.Master, Log: f.Log}
		for _, name := range []string{"b", "a", "c"} {
			res, err := other.Import(t.Context(), tester, Import{Project: f.id, Upload: small(name, "s "+name)})
			if err != nil {
				t.Fatal(err)
			}
			got, rev := f.export(t, f.id, snapshot.FormatSplit)
			want, _, err := other.Export(t.Context(), f.id, snapshot.FormatSplit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" || rev.Digest != res.Digest || rev.Number != res.Revision {
				t.Errorf("revision %d, want %d: %s", rev.Number, res.Revision, diff)
			}
			value, err := f.Secret(t.Context(), f.id, "connector", "CI1", "configuration/password")
			if err != nil || value.Reveal() != "s "+name {
				t.Errorf("revision %d has the secret of another: %v", rev.Number, err)
			}
		}
	})
}
