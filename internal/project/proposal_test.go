package project

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// propose keeps the plan of an upload with a secret in it.
func (f *fixture) propose(t testing.TB, mark string) string {
	t.Helper()
	up := small(mark, "planted "+mark)
	up.Message = "why " + mark
	plan, err := f.Propose(t.Context(), tester, Import{Project: f.id, Upload: up})
	if err != nil {
		t.Fatal(explain(err))
	}
	return plan.Digest.String()
}

// proposed opens a plan that is kept.
func (f *fixture) proposed(t testing.TB, plan string) (Proposal, *snapshot.Upload) {
	t.Helper()
	p, up, err := f.Proposed(t.Context(), f.id, plan, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return p, up
}

// Whoever opens a plan that is kept sees the same plan, can approve it, and
// imports exactly it. Then it is gone, with the secrets that it held.
func TestAPlanIsKeptForASecondPerson(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		if err := f.SetPolicy(t.Context(), tester, f.id, Policy{Weakening: Approved}); err != nil {
			t.Fatal(err)
		}
		digest := f.propose(t, "b")
		for table, rows := range testkit.Rows(t, f.DB) {
			if strings.Contains(strings.Join(rows, "\n"), "planted") {
				t.Errorf("the table %s holds the value of a secret in clear", table)
			}
		}
		p, up := f.proposed(t, digest)
		if p.Plan.String() != digest || p.By != tester.Actor || p.Message != "why b" || len(up.Secrets) != 1 {
			t.Errorf("kept: %+v with %d secrets", p, len(up.Secrets))
		}
		if got := f.plan(t, up); got.Digest != p.Plan {
			t.Errorf("planned again it is %s, want %s", got.Digest, p.Plan)
		}
		if _, err := f.Approve(t.Context(), another, f.id, digest); err != nil {
			t.Fatal(err)
		}
		_, up = f.proposed(t, digest)
		up.Plan = digest
		f.load(t, up)
		f.wantSecrets(t, f.id, small("b", "planted b").Secrets)
		if _, _, err := f.Proposed(t.Context(), f.id, digest, 1000); !errors.Is(err, ErrNoProposal) {
			t.Errorf("after it was applied: %v", err)
		}
		if rows := testkit.Rows(t, f.DB)["proposals"]; len(rows) > 0 {
			t.Errorf("%d proposals are kept after all were applied", len(rows))
		}
	})
}

func TestWhatIsNotKept(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		moved := small("b", "")
		moved.AllowMoved = true
		if _, err := f.Propose(t.Context(), tester, Import{Project: f.id, Upload: moved}); !errors.Is(err, ErrMovedPlan) {
			t.Errorf("with secrets that follow: %v", err)
		}
		bad := small("b", "x")
		bad.Files["project.json"] = []byte(`{"trustedDomains":7}`)
		if plan, err := f.Propose(t.Context(), tester, Import{Project: f.id, Upload: bad}); err != nil || !plan.Failed() {
			t.Errorf("one that would be refused: %v", err)
		}
		if rows := testkit.Rows(t, f.DB)["proposals"]; len(rows) > 0 {
			t.Errorf("kept: %d", len(rows))
		}
	})
}

func TestALargePlanIsNotKept(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	noise := make([]byte, maxProposal+1)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	up := small("b", "x")
	up.Files["notes.txt"] = []byte(base64.StdEncoding.EncodeToString(noise))
	if _, err := f.Propose(t.Context(), tester, Import{Project: f.id, Upload: up}); !errors.Is(err, ErrBigPlan) {
		t.Errorf("got %v", err)
	}
}

// Plans that are kept are few, and not for ever, and those of one project.
func TestKeptPlansAreBounded(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		first := f.propose(t, "first")
		old := func(seconds int64) {
			t.Helper()
			if err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				_, err := tx.Exec(`UPDATE proposals SET created_at = created_at - $1`, seconds)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range mostProposals {
			old(1)
			f.propose(t, "m"+string(rune('a'+i)))
		}
		list, err := f.Proposals(t.Context(), f.id)
		if err != nil || len(list) != mostProposals || list[0].Message != "why mt" {
			t.Errorf("%d are kept, %v", len(list), err)
		}
		if _, _, err := f.Proposed(t.Context(), f.id, first, 1000); !errors.Is(err, ErrNoProposal) {
			t.Errorf("the oldest: %v", err)
		}
		last := list[0].Plan.String()
		if _, _, err := f.Proposed(t.Context(), f.create(t, "Other").ID, last, 1000); !errors.Is(err, ErrNoProposal) {
			t.Errorf("from another project: %v", err)
		}
		old(int64(Approvable.Seconds()))
		if list, err = f.Proposals(t.Context(), f.id); err != nil || len(list) > 0 {
			t.Errorf("after seven days %d are shown, %v", len(list), err)
		}
		if _, _, err := f.Proposed(t.Context(), f.id, last, 1000); !errors.Is(err, ErrNoProposal) {
			t.Errorf("after seven days: %v", err)
		}
		if _, err := f.Collect(t.Context(), tester, Retention{}); err != nil {
			t.Fatal(err)
		}
		if rows := testkit.Rows(t, f.DB)["proposals"]; len(rows) > 0 {
			t.Errorf("the collection leaves %d", len(rows))
		}
	})
}
