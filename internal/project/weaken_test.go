package project

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

var another, revoked = audit.Origin{Actor: "another"}, audit.Origin{Actor: "revoked"}

// with is what small brings, with another trusted domain, which weakens.
func with(mark, plan string, allowed ...snapshot.RiskCode) *snapshot.Upload {
	up := small(mark, "one")
	up.Plan, up.AllowWeakening = plan, allowed
	return up
}

// approve makes the plan of an upload and approves it.
func (f *fixture) approve(t testing.TB, by audit.Origin, mark string) string {
	t.Helper()
	plan := f.plan(t, with(mark, ""))
	if _, err := f.Approve(t.Context(), by, f.id, plan.Digest.String()); err != nil {
		t.Fatal(err)
	}
	return plan.Digest.String()
}

func TestWeakeningNeedsWhatThePolicySays(t *testing.T) {
	t.Parallel()
	refused := []string{"weakens_security project.json"}
	const code = "trusted_domain_added"
	for _, tt := range []struct {
		name   string
		policy Weakening
		by     audit.Origin // who approved the plan
		other  bool         // the approval is of another plan
		leave  []snapshot.RiskCode
		want   []string
	}{
		{"nothing is asked", "", audit.Origin{}, false, nil, nil},
		{"allow", Allow, audit.Origin{}, false, nil, nil},
		{"no leave", Leave, audit.Origin{}, false, nil, refused},
		{"leave", Leave, audit.Origin{}, false, []snapshot.RiskCode{code}, nil},
		{"leave for something else", Leave, audit.Origin{}, false, []snapshot.RiskCode{"mfa_off"}, refused},
		{"an approval stands for leave", Leave, another, false, nil, nil},
		{"no approval", Approved, audit.Origin{}, false, nil, refused},
		{"leave is no approval", Approved, audit.Origin{}, false, []snapshot.RiskCode{code}, refused},
		{"approved", Approved, another, false, nil, nil},
		{"approved by who imports", Approved, tester, false, nil, refused},
		{"approved by a key that may no more", Approved, revoked, false, nil, refused},
		{"another plan approved", Approved, another, true, nil, refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Databases(t, func(t *testing.T, url string) {
				f := setup(t, url)
				f.load(t, small("a", "one"))
				f.guard(t, Policy{Weakening: tt.policy})
				plan := ""
				if tt.by.Actor != "" {
					if plan = f.approve(t, tt.by, "b"); tt.other {
						f.approve(t, tt.by, "c")
						plan = f.plan(t, with("d", "")).Digest.String()
					}
				}
				mark := "b"
				if tt.other {
					mark = "d"
				}
				_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: with(mark, plan, tt.leave...)})
				if diff := cmp.Diff(tt.want, codes(err)); diff != "" {
					t.Errorf("(-want +got):\n%s%v", diff, err)
				}
			})
		})
	}
}

// An approval is of one plan: other files under its digest are a conflict, and
// once it was applied it is good for nothing.
func TestAnApprovalIsOfOnePlan(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		f.guard(t, Policy{Weakening: Approved})
		plan := f.approve(t, another, "b")
		if _, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: with("c", plan)}); !errors.Is(err, ErrPlanned) {
			t.Errorf("other files: %v", err)
		}
		f.load(t, with("b", plan))
		f.guard(t, Policy{})
		f.load(t, with("a", ""))
		f.guard(t, Policy{Weakening: Approved})
		if _, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: with("b", plan)}); !errors.Is(err, ErrPlanned) {
			t.Errorf("a second time: %v", err)
		}
	})
}

// A plan says what it lacks, has a digest to approve all the same, and says who
// approved it.
func TestAPlanAwaitsItsApproval(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "one"))
	f.guard(t, Policy{Weakening: Approved})
	plan := f.plan(t, with("b", ""))
	if !plan.Failed() || plan.Digest == (snapshot.Digest{}) || len(plan.Differences) == 0 || len(plan.Approvals) != 0 {
		t.Fatalf("%+v", plan)
	}
	f.approve(t, tester, "b")
	own, err := f.Plan(t.Context(), Import{Project: f.id, Upload: with("b", ""), Asker: tester.Actor})
	if err != nil || !own.Failed() || len(own.Approvals) != 1 {
		t.Errorf("with the approval of who asks: %+v, %v", own, err)
	}
	f.approve(t, another, "b")
	if plan = f.plan(t, with("b", "")); plan.Failed() || len(plan.Approvals) != 2 {
		t.Errorf("%+v", plan)
	}
}

// A way back that weakens is held, too; what was not confirmed goes back freely.
func TestWeakeningByAWayBack(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		f.load(t, small("b", "one"))
		f.guard(t, Policy{Weakening: Leave})
		_, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 1})
		if len(codes(err)) != 1 {
			t.Errorf("the rollback: %v", err)
		}
		up := with("c", "", "trusted_domain_added")
		up.Within = "10m"
		f.load(t, up)
		if _, err := f.Undo(t.Context(), tester, f.id, 3); err != nil {
			t.Errorf("the undo: %v", explain(err))
		}
		if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 1, AllowWeakening: []snapshot.RiskCode{"trusted_domain_added"}}); err != nil {
			t.Errorf("the rollback with leave: %v", explain(err))
		}
	})
}

// The audit has what was allowed, and who approved it.
func TestTheAuditSaysWhoLetSecurityBeWeakened(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "one"))
	f.guard(t, Policy{Weakening: Leave})
	f.load(t, with("b", "", "trusted_domain_added", "mfa_off"))
	f.load(t, with("c", f.approve(t, another, "c")))
	events, _, err := audit.Find(t.Context(), f.DB, audit.Search{Project: f.id, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var got []any
	for _, e := range events {
		switch e.Action {
		case "project.import":
			got = append(got, e.Details["allowedWeakening"], e.Details["approvedBy"])
		case "project.approve":
			got = append(got, e.Actor)
		}
	}
	want := []any{nil, "another", "another", []any{"trusted_domain_added"}, nil, nil, nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The first configuration of a project weakens nothing.
func TestNothingIsWeakenedWhereThereWasNothing(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.guard(t, Policy{Weakening: Approved})
	f.load(t, small("a", "one"))
}

func TestLeaveThatIsNone(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	if _, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: with("a", "", "mfa")}); !errors.Is(err, ErrLeave) {
		t.Errorf("a code that is none: %v", err)
	}
	if _, err := f.Approve(t.Context(), another, f.id, "mfa"); !errors.Is(err, ErrApproval) {
		t.Errorf("a digest that is none: %v", err)
	}
	if err := f.SetPolicy(t.Context(), tester, f.id, Policy{Weakening: "never"}); !errors.Is(err, ErrPolicy) {
		t.Errorf("a policy that is none: %v", err)
	}
}
