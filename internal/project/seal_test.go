package project

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

func TestCloneKeepsSecretsAndSharesContents(t *testing.T) {
	t.Parallel()
	shop := testkit.Shop(t)
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		first := f.load(t, shop.Upload())
		before := testkit.Rows(t, f.DB)
		p, err := f.Clone(t.Context(), tester, f.id, New{Name: "Copy", Environment: "production", Tags: []string{"b", "a"}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(New{Name: "Copy", Environment: "production", Tags: []string{"b", "a"}}, listed(t, f)[p.ID]); diff != "" {
			t.Errorf("the clone (-want +got):\n%s", diff)
		}
		f.wantSecrets(t, p.ID, shop.Secrets)
		after := testkit.Rows(t, f.DB)
		if n := len(after["blobs"]) - len(before["blobs"]); n != 1 {
			t.Errorf("the clone stores %d contents, want 1: the list of its secrets", n)
		}
		if n := len(after["secrets"]) - len(before["secrets"]); n != len(shop.Secrets) {
			t.Errorf("the clone stores %d secrets, want %d", n, len(shop.Secrets))
		}
		files, rev := f.export(t, p.ID, snapshot.FormatSplit)
		want, _ := f.export(t, f.id, snapshot.FormatSplit)
		if rev.Digest != first.Digest || rev.Number != 1 || cmp.Diff(want, files) != "" {
			t.Errorf("the clone is another configuration (-want +got):\n%s", cmp.Diff(want, files))
		}
		if diff := cmp.Diff([]string{"project.clone done by Ktester"}, f.audits(t, p.ID)); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
		f.apart(t, f.id, p.ID)
		// An import of its own export changes nothing in the clone either.
		res, err := f.Import(t.Context(), tester, Import{Project: p.ID, Upload: shop.Upload()})
		if err != nil || res.Changed {
			t.Errorf("import into the clone: %+v, %v", res, explain(err))
		}
	})
}

// apart fails the test where a sealed value of one project opens in the other.
func (f *fixture) apart(t *testing.T, one, other string) {
	t.Helper()
	st, err := f.head(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := f.dataKey(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range st.secrets {
		if _, err := f.open(t.Context(), other, place); err == nil {
			t.Errorf("%+v opens in the other project", place)
		}
		var body []byte
		err := f.DB.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
			return tx.QueryRow(`SELECT sealed FROM secrets WHERE id = $1`, place.ID).Scan(&body)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, bound := range []string{one, other} {
			if _, err := foreign.key.Open(binding(bound, place), body); err == nil {
				t.Errorf("%+v opens with the key of the other project, bound to %s", place, bound)
			}
		}
	}
}

func TestCloneOfAnEmptyProject(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		p, err := f.Clone(t.Context(), tester, f.id, New{Name: "Copy"})
		if err != nil {
			t.Fatal(err)
		}
		if files, rev := f.export(t, p.ID, snapshot.FormatSplit); len(files) != 0 || rev.Number != 0 {
			t.Errorf("the clone has %d files, revision %d", len(files), rev.Number)
		}
		res, err := f.Import(t.Context(), tester, Import{Project: p.ID, Upload: small("a", "s")})
		if err != nil || res.Revision != 1 {
			t.Errorf("import into the clone: %+v, %v", res, explain(err))
		}
	})
}

// A sealed value is bound to its place: no row and no list that says otherwise
// makes it open.
func TestMovedSecretDoesNotOpen(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		other := f.create(t, "Other").ID
		if _, err := f.Import(t.Context(), tester, Import{Project: other, Upload: small("a", "two")}); err != nil {
			t.Fatal(explain(err))
		}
		mine, theirs := f.place(t, f.id), f.place(t, other)
		if value, err := f.open(t.Context(), f.id, mine); err != nil || value.Reveal() != "one" {
			t.Fatalf("the secret does not open where it belongs: %v", err)
		}
		for name, moved := range map[string]snapshot.StoredSecret{
			"another kind":   {Kind: "oauthProvider", Entity: mine.Entity, Field: mine.Field, ID: mine.ID},
			"another entity": {Kind: mine.Kind, Entity: "CI2", Field: mine.Field, ID: mine.ID},
			"another field":  {Kind: mine.Kind, Entity: mine.Entity, Field: "configuration/apiKey", ID: mine.ID},
			"an unknown id":  {Kind: mine.Kind, Entity: mine.Entity, Field: mine.Field, ID: "SVnone"},
			"the other's id": {Kind: mine.Kind, Entity: mine.Entity, Field: mine.Field, ID: theirs.ID},
		} {
			if _, err := f.open(t.Context(), f.id, moved); err == nil {
				t.Errorf("the secret opens as %s", name)
			}
		}
		// The same with rows of the database: the value of one project under the
		// id of the other's, and an older value under the id of a newer one.
		swap := func(from, to snapshot.StoredSecret) {
			err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				_, err := tx.Exec(`UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE id = $1) WHERE id = $2`, from.ID, to.ID)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		f.load(t, small("a", "newer"))
		newer := f.place(t, f.id)
		swap(mine, newer)
		if _, err := f.Secret(t.Context(), f.id, mine.Kind, mine.Entity, mine.Field); err == nil {
			t.Error("an older value opens in the place of a newer one")
		}
		swap(mine, theirs)
		if _, err := f.Secret(t.Context(), other, mine.Kind, mine.Entity, mine.Field); err == nil {
			t.Error("a value opens in another project")
		}
		// Giving it again mends what does not open.
		f.load(t, small("a", "mended"))
		if diff := cmp.Diff([]string{"mended"}, f.secrets(t, f.id)); diff != "" {
			t.Errorf("secrets (-want +got):\n%s", diff)
		}
	})
}

// place returns where the one secret of a project is.
func (f *fixture) place(t *testing.T, id string) snapshot.StoredSecret {
	t.Helper()
	st, err := f.head(t.Context(), id)
	if err != nil || len(st.secrets) != 1 {
		t.Fatalf("%d secrets, %v", len(st.secrets), err)
	}
	return st.secrets[0]
}

func TestSecretThatIsNotThere(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "s"))
	_, err := f.Secret(t.Context(), f.id, "connector", "CI1", "configuration/other")
	if err == nil || !strings.Contains(err.Error(), "not stored") {
		t.Errorf("got %v", err)
	}
	// What cannot be read is not missing: a new value must not be stored because
	// the database did not answer.
	if _, err := f.open(t.Context(), f.id, f.place(t, f.id)); err != nil {
		t.Fatal(err)
	}
}
