package project

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/internal/fault"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// numbers are those of a page of revisions.
func numbers(h *History) []int64 {
	var out []int64
	for _, r := range h.Revisions {
		out = append(out, r.Number)
	}
	return out
}

func TestRevisions(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		if h, err := f.Revisions(t.Context(), f.id, 0, 10); err != nil || len(h.Revisions) != 0 || h.More || h.Oldest != 1 {
			t.Errorf("before the first import: %+v, %v", h, err)
		}
		up := small("a", "s1")
		up.Message, up.Source = "why\nso", snapshot.Source{Commit: "4b825dc6", Branch: "main", Dirty: true, Repository: "git@example.test:shop.git config"}
		f.load(t, up)
		f.load(t, small("a", "s1")) // changes nothing
		f.load(t, small("b", "s2"))
		f.load(t, small("c", ""))
		h, err := f.Revisions(t.Context(), f.id, 0, 2)
		if err != nil || !h.More || cmp.Diff([]int64{3, 2}, numbers(h)) != "" {
			t.Fatalf("the first page: %v, %+v", err, h)
		}
		if h, err = f.Revisions(t.Context(), f.id, 2, 2); err != nil || h.More || cmp.Diff([]int64{1}, numbers(h)) != "" {
			t.Fatalf("the last page: %v, %+v", err, h)
		}
		first := h.Revisions[0]
		if first.Kind != KindImport || first.Author != tester.Actor || first.Message != up.Message || first.Source != up.Source || first.Summary != "4 created" || first.Parent != 0 {
			t.Errorf("the first revision: %+v", first)
		}
		copied, err := f.Clone(t.Context(), tester, f.id, New{Name: "Copy"})
		if err != nil {
			t.Fatal(err)
		}
		if h, err = f.Revisions(t.Context(), copied.ID, 0, 10); err != nil || len(h.Revisions) != 1 || h.Revisions[0].Kind != KindClone {
			t.Errorf("the revisions of a clone: %+v, %v", h, err)
		}
	})
}

// told writes differences as lines.
func told(list []snapshot.Difference) []string {
	var out []string
	for _, d := range list {
		out = append(out, fmt.Sprintf("%s %s %s hidden=%t", d.File, d.Action, d.Label, d.Hidden))
	}
	return out
}

func TestRevisionSaysWhatItChanged(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "hunter1"))
		f.load(t, small("a", "hunter2"))
		f.load(t, small("b", ""))
		gone := small("b", "")
		gone.Files["connectors/connectors.json"], gone.Secrets = []byte(`{"connectors":[]}`), nil
		delete(gone.Files, "connectors/mail.json")
		f.load(t, gone)
		for number, want := range map[int64][]string{
			2: {"connectors/mail.json changed Configuration › Password hidden=true"},
			3: {"project.json changed Trusted domains hidden=false", "connectors/mail.json changed Configuration › From name hidden=false"},
			4: {"connectors/connectors.json changed Connectors hidden=false", "connectors/mail.json removed  hidden=false", "connectors/mail.json removed Configuration › Password hidden=true"},
		} {
			shown, err := f.Revision(t.Context(), f.id, number)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, told(shown.Differences)); diff != "" {
				t.Errorf("revision %d (-want +got):\n%s", number, diff)
			}
			if strings.Contains(fmt.Sprintf("%+v", shown), "hunter") {
				t.Errorf("revision %d tells a secret", number)
			}
		}
		first, err := f.Revision(t.Context(), f.id, 1)
		if err != nil || len(first.Differences) < 3 || first.ParentGone {
			t.Errorf("the first revision: %+v, %v", first, err)
		}
		for _, number := range []int64{-1, 0, 5} {
			if _, err := f.Revision(t.Context(), f.id, number); !errors.Is(err, ErrNoRevision) {
				t.Errorf("revision %d: %v", number, err)
			}
		}
		if _, err := f.Revision(t.Context(), "Pother", 1); !errors.Is(err, ErrNotFound) {
			t.Errorf("of another project: %v", err)
		}
	})
}

func TestSourceIsChecked(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	for text, ok := range map[string]bool{
		"": true, "git@example.test:shop.git": true, "https://example.test/shop.git config": true, "ssh://git@example.test/shop.git": true,
		"https://ci:token@example.test/shop.git": false, "https://token@example.test/shop.git": false, "ssh://git:word@example.test/x": false,
		"a\x1b[2J": false, "a\nb": false, strings.Repeat("x", 501): false, "\xff": false,
	} {
		up := small("a", "s")
		up.Source.Repository = text
		_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: up})
		if (err == nil) != ok || !ok && !errors.Is(err, ErrSource) {
			t.Errorf("%.60q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "token") {
			t.Errorf("the answer holds a credential: %v", err)
		}
	}
	for _, s := range []snapshot.Source{{Commit: strings.Repeat("x", 101)}, {Branch: strings.Repeat("x", 251)}, {Branch: "a\u202eb"}} {
		up := small("a", "s")
		up.Source = s
		if _, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: up}); !errors.Is(err, ErrSource) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// What every sample is as an export of a revision is what it was.
func TestExportRevision(t *testing.T) {
	t.Parallel()
	for _, s := range testkit.Samples(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			f := setupOn(t, testkit.Store(t))
			f.load(t, s.Upload())
			want, first := f.export(t, f.id, snapshot.FormatSplit)
			if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 1}); err != nil {
				t.Fatal("a rollback to the head:", explain(err))
			}
			if _, rev := f.export(t, f.id, snapshot.FormatSplit); rev.Number != 1 {
				t.Fatalf("a rollback to the head made revision %d", rev.Number)
			}
			second := f.load(t, &snapshot.Upload{Files: snapshot.Files{"project.json": []byte(`{"trustedDomains":"another.example"}`)}})
			if _, rev := f.export(t, f.id, snapshot.FormatSplit); !second.Changed || rev.Digest == first.Digest {
				t.Fatal("the second import changes nothing")
			}
			files, rev, err := f.ExportRevision(t.Context(), f.id, 1, snapshot.FormatSplit)
			if err != nil || rev.Digest != first.Digest {
				t.Fatalf("%v, %s, want %s", err, rev.Digest, first.Digest)
			}
			if diff := cmp.Diff(want, files); diff != "" {
				t.Errorf("revision 1 (-want +got):\n%s", diff)
			}
		})
	}
}

// A point is what a project was at one revision.
type point struct {
	digest  snapshot.Digest
	files   snapshot.Files
	secrets []string
}

func (f *fixture) point(t testing.TB) point {
	t.Helper()
	files, rev := f.export(t, f.id, snapshot.FormatSplit)
	return point{rev.Digest, files, f.secrets(t, f.id)}
}

// Whatever the history is, a rollback to any revision makes the project exactly
// what it was there, and a rollback from there is back.
func TestRollbackToEveryRevision(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		rapid.Check(t, func(r *rapid.T) {
			f := &fixture{Service: f.Service, logs: f.logs, id: f.create(t, "Drawn").ID}
			was := map[int64]point{}
			last := int64(0)
			steps := rapid.IntRange(2, 7).Draw(r, "steps")
			for range steps {
				res := f.step(t, r, last)
				if last = res.Revision; res.Changed {
					was[last] = f.point(t)
				}
			}
			for number := range maps.Clone(was) {
				back, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: number})
				if err != nil {
					r.Fatal(explain(err))
				}
				if diff := cmp.Diff(was[number], f.point(t), cmp.AllowUnexported(point{})); diff != "" {
					r.Fatalf("after a rollback to revision %d (-want +got):\n%s", number, diff)
				}
				if back.Digest != was[number].digest {
					r.Fatalf("the answer says %s, want %s", back.Digest, was[number].digest)
				}
				if back.Changed {
					was[back.Revision] = was[number]
				}
				if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: last}); err != nil {
					r.Fatal(explain(err))
				}
				if diff := cmp.Diff(was[last], f.point(t), cmp.AllowUnexported(point{})); diff != "" {
					r.Fatalf("after rolling forward again (-want +got):\n%s", diff)
				}
			}
			f.inspect(t)
		})
	})
}

// step draws something that happens to a project.
func (f *fixture) step(t testing.TB, r *rapid.T, last int64) *Result {
	t.Helper()
	up := small(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "mark"), rapid.SampledFrom([]string{"", "s1", "s2", "s3"}).Draw(r, "secret"))
	switch what := rapid.SampledFrom([]string{"import", "more files", "without connectors", "rename", "rollback"}).Draw(r, "what"); {
	case what == "rollback" && last > 0:
		res, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: rapid.Int64Range(1, last).Draw(r, "to")})
		if err != nil {
			r.Fatal(explain(err))
		}
		return res
	case what == "more files":
		up.Files["lists.json"], up.Files["roles.json"] = []byte(`{"lists":[]}`), []byte(`{"roles":[{"name":"clerk"}],"permissions":[]}`)
		up.Files["notes.txt"] = []byte("a file that no section has")
	case what == "without connectors":
		up.Files["connectors/connectors.json"], up.Secrets = []byte(`{"connectors":[]}`), nil
		delete(up.Files, "connectors/mail.json")
	case what == "rename": // the name matches another entity than the id
		up.Files["connectors/mail.json"] = []byte(strings.Replace(string(up.Files["connectors/mail.json"]), `"name":"Mail"`, `"name":"Post"`, 1))
	}
	res, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: up})
	if _, refused := errors.AsType[*fault.Error](err); refused { // a secret that is not there yet
		if len(up.Secrets) == 0 {
			r.Fatal(explain(err))
		}
		up = small("a", "s0")
		res, err = f.Import(t.Context(), tester, Import{Project: f.id, Upload: up})
	}
	if err != nil {
		r.Fatal(explain(err))
	}
	return res
}
