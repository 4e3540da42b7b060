package project

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// drifted is what the test looks at of a field that drifted.
type drifted struct {
	Field    string
	Side     Side
	By       int64
	Was, Now string // on the server
	Files    string
}

// drift asks for it and makes it short. Secrets are in it by their states.
func (f *fixture) drift(t testing.TB, up *snapshot.Upload, base int64) (*Drift, []drifted) {
	t.Helper()
	up.Base = base
	d, err := f.Drift(t.Context(), Import{Project: f.id, Upload: up})
	if err != nil {
		t.Fatal(explain(err))
	}
	var out []drifted
	for _, r := range d.Fields {
		one := drifted{Field: r.File + " " + r.Field, Side: r.Side, By: r.By, Now: string(r.From), Files: string(r.To)}
		for _, o := range r.OnServer {
			one.Was += string(o.From)
		}
		out = append(out, one)
	}
	for _, p := range d.Secrets {
		out = append(out, drifted{Field: p.ID + " " + p.Field, Side: p.Side, By: p.By, Now: string(p.State)})
	}
	return d, out
}

// settings is an upload of two settings, and of two roles where they have names.
func settings(domains, length string, roles ...string) *snapshot.Upload {
	up := &snapshot.Upload{Files: snapshot.Files{
		"snapshot.json":      []byte(`{"version":5}`),
		"project.json":       []byte(`{"trustedDomains":"` + domains + `.example"}`),
		"auth/password.json": []byte(`{"minLength":` + length + `}`),
	}}
	list := ""
	for _, name := range roles {
		if list != "" {
			list += ","
		}
		list += `{"name":"` + name + `"}`
	}
	up.Files["roles.json"] = []byte(`{"permissions":[],"roles":[` + list + `]}`)
	return up
}

// as imports as somebody else.
func (f *fixture) as(t testing.TB, who, why string, up *snapshot.Upload) {
	t.Helper()
	up.Message = why
	if _, err := f.Import(t.Context(), audit.Origin{Actor: who}, Import{Project: f.id, Upload: up}); err != nil {
		t.Fatal(explain(err))
	}
}

// What changed since the base is told apart by who changed it, and of what the
// server has now the last revision is named that changed it.
func TestDrift(t *testing.T) {
	t.Parallel()
	domains, length := "project.json trustedDomains", "auth/password.json minLength"
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, settings("a", "8", "clerk"))                               // 1
		f.as(t, "Kada", "longer", settings("a", "9", "clerk"))               // 2
		f.as(t, "Kbob", "longer still", settings("a", "12", "clerk"))        // 3
		f.as(t, "Keve", "more people", settings("a", "12", "clerk", "boss")) // 4
		for name, row := range map[string]struct {
			files *snapshot.Upload
			base  int64
			state DriftState
			want  []drifted
		}{
			"the files are the head":                    {settings("a", "12", "clerk", "boss"), 1, InSync, nil},
			"only the files changed":                    {settings("b", "12", "clerk", "boss"), 4, Ahead, []drifted{{domains, SideFiles, 0, "", `"a.example"`, `"b.example"`}}},
			"only the server changed":                   {settings("a", "8", "clerk"), 1, Behind, []drifted{{length, SideServer, 3, "8", "12", "8"}, {"roles.json ", SideServer, 4, "", "", ""}}},
			"an older revision is found by its digest":  {settings("a", "9", "clerk"), 0, Behind, []drifted{{length, SideServer, 3, "9", "12", "9"}, {"roles.json ", SideServer, 4, "", "", ""}}},
			"both changed different things":             {settings("b", "12", "clerk"), 3, Diverged, []drifted{{domains, SideFiles, 0, "", `"a.example"`, `"b.example"`}, {"roles.json ", SideServer, 4, "", "", ""}}},
			"both changed the same thing":               {settings("a", "10", "clerk", "boss"), 1, Diverged, []drifted{{length, SideBoth, 3, "8", "12", "10"}}},
			"both changed the same thing alike":         {settings("b", "12", "clerk", "boss"), 1, Ahead, []drifted{{domains, SideFiles, 0, "", `"a.example"`, `"b.example"`}}},
			"the files lost what the server left alone": {settings("a", "12", "boss"), 4, Ahead, []drifted{{"roles.json ", SideFiles, 0, "", "", ""}}},
			"files that say nothing of what changed":    {&snapshot.Upload{Files: snapshot.Files{"project.json": []byte(`{"trustedDomains":"a.example"}`)}}, 1, InSync, nil},
		} {
			d, got := f.drift(t, row.files, row.base)
			if d.State != row.state {
				t.Errorf("%s: %s, want %s", name, d.State, row.state)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			for _, r := range got {
				if rev := d.Revisions[r.By]; r.By != 0 && (rev.Author == "" || rev.Message == "") {
					t.Errorf("%s: nobody made revision %d: %+v", name, r.By, rev)
				}
			}
		}
		for base, want := range map[int64]error{0: ErrNoBase, 5: ErrNoRevision, -1: ErrNoRevision} {
			up := settings("c", "7")
			up.Base = base
			if _, err := f.Drift(t.Context(), Import{Project: f.id, Upload: up}); !errors.Is(err, want) {
				t.Errorf("base %d: %v, want %v", base, err, want)
			}
		}
	})
}

// A secret drifts by its fingerprint. None is opened, and none that the files do
// not bring makes them drift.
func TestDriftOfSecrets(t *testing.T) {
	t.Parallel()
	const field = "CI1 configuration/password"
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		f.as(t, "Kada", "a new one", small("a", "two"))
		without := small("a", "")
		without.Secrets = nil
		err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE secrets SET sealed = $1`, []byte("nonsense"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, row := range map[string]struct {
			files *snapshot.Upload
			base  int64
			state DriftState
			want  []drifted
		}{
			"the files bring none":             {without, 1, InSync, []drifted{{field, SideServer, 2, "", string(SecretSame), ""}}},
			"the files bring that of the head": {small("a", "two"), 1, InSync, []drifted{{field, SideServer, 2, "", string(SecretSame), ""}}},
			"the files bring that of the base": {small("a", "one"), 1, Behind, []drifted{{field, SideServer, 2, "", string(SecretChanges), ""}}},
			"the files bring another":          {small("a", "three"), 2, Ahead, []drifted{{field, SideFiles, 0, "", string(SecretChanges), ""}}},
			"both have another":                {small("a", "three"), 1, Diverged, []drifted{{field, SideBoth, 2, "", string(SecretChanges), ""}}},
		} {
			d, got := f.drift(t, row.files, row.base)
			if d.State != row.state {
				t.Errorf("%s: %s, want %s", name, d.State, row.state)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// A project without a revision has nothing that could be ahead, and files that
// would be refused have no state.
func TestDriftFromNothing(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	before := testkit.Rows(t, f.DB)
	if d, _ := f.drift(t, settings("a", "8"), 0); d.State != Ahead || d.Base.Number != 0 {
		t.Errorf("%s over revision %d", d.State, d.Base.Number)
	}
	broken := settings("a", "8")
	broken.Files["auth/password.json"] = []byte(`{"minLength":"many"}`)
	if d, got := f.drift(t, broken, 0); d.State != "" || !d.Failed() || len(got) > 0 {
		t.Errorf("%q, %v", d.State, got)
	}
	f.same(t, before)
	// What went back because nobody confirmed it is a change of the server.
	f.load(t, settings("a", "8"))
	waits := settings("a", "9")
	waits.Within = "10m"
	f.load(t, waits)
	if _, err := f.Undo(t.Context(), tester, f.id, 2); err != nil {
		t.Fatal(err)
	}
	d, got := f.drift(t, settings("a", "9"), 2)
	want := []drifted{{"auth/password.json minLength", SideServer, 3, "9", "8", "9"}}
	if diff := cmp.Diff(want, got); diff != "" || d.State != Behind {
		t.Errorf("%s (-want +got):\n%s", d.State, diff)
	}
}

// Of many who changed a thing the last one is named, and nobody else.
func TestDriftNamesTheLastOfMany(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, settings("a", "8"))
	for n := range 30 {
		f.as(t, fmt.Sprint("K", n), "again", settings(fmt.Sprint("n", n), fmt.Sprint(8+n/15)))
	}
	d, got := f.drift(t, settings("a", "8"), 1)
	want := []drifted{
		{"project.json trustedDomains", SideServer, 31, `"a.example"`, `"n29.example"`, `"a.example"`},
		{"auth/password.json minLength", SideServer, 17, "8", "9", "8"},
	}
	if diff := cmp.Diff(want, got); diff != "" || d.Revisions[17].Author != "K15" || len(d.Revisions) != 2 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
