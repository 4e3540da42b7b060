package project

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// Whatever the project is and whatever comes: an import of a plan makes what the
// plan says, in its files and its history; then the same plan is empty, and files
// and project are in sync; a planned rollback is back, and one more is forward.
func TestDrawnPlansAreWhatIsDone(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		changed := 0
		rapid.Check(t, func(r *rapid.T) {
			f := &fixture{Service: f.Service, logs: f.logs, id: f.create(t, "Drawn").ID}
			last := f.step(t, r, 0).Revision
			for range rapid.IntRange(1, 3).Draw(r, "steps") {
				last = f.step(t, r, last).Revision
			}
			was := f.point(t)
			draw := func() *snapshot.Upload {
				up := small(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "mark"), rapid.SampledFrom([]string{"s1", "s2", "s3"}).Draw(r, "secret"))
				if rapid.Bool().Draw(r, "with roles") {
					up.Files["roles.json"] = []byte(`{"roles":[{"name":"clerk"},{"name":"boss"}],"permissions":[]}`)
				}
				return up
			}()
			plan := f.plan(t, draw.Clone())
			up := draw.Clone()
			up.Plan = plan.Digest.String()
			res := f.load(t, up)
			if res.Changed != plan.Changed || res.Digest != plan.Result {
				r.Fatalf("the plan says changed %v and %s, and it is %v and %s", plan.Changed, plan.Result, res.Changed, res.Digest)
			}
			if res.Changed {
				changed++
				shown, err := f.Revision(t.Context(), f.id, res.Revision)
				if err != nil {
					r.Fatal(err)
				}
				if diff := cmp.Diff(told(shownOnly(plan.Differences)), told(shownOnly(shown.Differences))); diff != "" {
					r.Fatalf("the history says something else than the plan (-plan +history):\n%s", diff)
				}
			}
			if again := f.plan(t, draw.Clone()); again.Changed || len(again.Differences) > 0 {
				r.Fatalf("the plan of what was applied: %+v", again.Differences)
			}
			if d, got := f.drift(t, draw.Clone(), last); d.State != InSync {
				r.Fatalf("what was applied is %s: %v", d.State, got)
			}
			is := f.point(t)
			for _, to := range []struct {
				number int64
				want   point
			}{{last, was}, {res.Revision, is}} {
				back, err := f.PlanRollback(t.Context(), Rollback{Project: f.id, Revision: to.number})
				if err != nil {
					r.Fatal(explain(err))
				}
				if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: to.number, Plan: back.Digest.String()}); err != nil {
					r.Fatal(explain(err))
				}
				if diff := cmp.Diff(to.want, f.point(t), cmp.AllowUnexported(point{})); diff != "" {
					r.Fatalf("after the planned rollback to revision %d (-want +got):\n%s", to.number, diff)
				}
			}
		})
		if changed == 0 {
			t.Error("no drawn import changed anything")
		}
	})
}

// shownOnly are the differences that are not hidden: a plan has secrets in a list of
// their own.
func shownOnly(list []snapshot.Difference) []snapshot.Difference {
	return slices.DeleteFunc(slices.Clone(list), func(d snapshot.Difference) bool { return d.Hidden })
}
