package project

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// A Weakening says what it takes to weaken the security of a project.
type Weakening string

// What it may take. Another key's approval of the plan stands for leave, too.
const (
	Allow    Weakening = "allow"    // nothing; plans mark it
	Leave    Weakening = "leave"    // the import names the codes of the risks that are meant
	Approved Weakening = "approval" // another key approves the plan
)

// Weakenings are all of them, from the loosest.
var Weakenings = []Weakening{Allow, Leave, Approved}

// Words say what it takes, to be put behind what weakens security.
func (w Weakening) Words() string {
	switch w {
	case Leave:
		return "must be named as meant, or approved with another key"
	case Approved:
		return "must be approved with another key"
	default:
		return "goes through, and is marked in plans"
	}
}

// Approvable is how long an approval counts.
const Approvable = 7 * 24 * time.Hour

// What callers are told of leave and approvals.
var (
	ErrLeave    = fault.New(fault.Invalid, "E011003", "Request is invalid: allowWeakening has a code that is none")
	ErrApproval = fault.New(fault.Invalid, "E011003", "Request is invalid: plan must be the digest of a plan, as its answer has it")
)

func (w Weakening) free() bool { return w == "" || w == Allow }

func (w Weakening) check() error {
	if w == "" || slices.Contains(Weakenings, w) {
		return nil
	}
	return ErrPolicy.WithMessage(fmt.Sprintf("the policy is not valid: weakening must be one of %q", Weakenings))
}

// checkLeave refuses codes that no risk has: a typo must not look like leave that
// was not needed.
func checkLeave(codes []snapshot.RiskCode) error {
	for _, code := range codes {
		if err := code.Check(); err != nil {
			return ErrLeave.WithMessage("Request is invalid: allowWeakening: " + err.Error())
		}
	}
	return nil
}

// weigh finds what weakens security and has no leave. A project that has no
// revision yet has nothing that could be weakened.
func (c *checked) weigh(list []snapshot.Difference, meant []snapshot.RiskCode) {
	if c.st.policy.Weakening.free() || c.st.revision.Number == 0 {
		return
	}
	for _, d := range list {
		for _, r := range d.Risks {
			switch {
			case r.Level != snapshot.Weakens:
			case c.st.policy.Weakening == Leave && slices.Contains(meant, r.Code):
				c.meant = append(c.meant, r.Code)
			default:
				c.weakened = append(c.weakened, c.st.policy.Weakening.problem(d, r))
			}
		}
	}
	slices.Sort(c.meant)
	c.meant = slices.Compact(c.meant)
}

// problem says that a difference weakens security, and what it takes.
func (w Weakening) problem(d snapshot.Difference, r snapshot.Risk) snapshot.Problem {
	hint := "have the plan approved with another key"
	if w == Leave {
		hint = fmt.Sprintf("if it is meant, allow it with %q in allowWeakening, or %s", r.Code, hint)
	}
	return snapshot.Problem{
		File: d.File, Code: snapshot.CodeWeakens, Level: snapshot.Error, Hint: hint,
		Message: fmt.Sprintf("%s would weaken security: %s", d.What(), r.Message),
	}
}

// second looks for the second person of an import that weakens security without
// leave, and returns who it is. Without one it is refused. That the plan which
// was approved is what the import does is for planned to see.
func (s *Service) second(ctx context.Context, by audit.Origin, c *checked, in Import) (string, error) {
	if len(c.weakened) == 0 {
		return "", nil
	}
	list, err := s.approvals(ctx, in.Project, in.Upload.Plan)
	if err != nil {
		return "", fmt.Errorf("import: %w", err)
	}
	for _, a := range list {
		if a.By != by.Actor {
			return a.By, nil
		}
	}
	if len(list) > 0 {
		for i := range c.weakened {
			c.weakened[i].Hint = "the plan was approved with the key that imports it; it takes another one"
		}
	}
	c.out.Problems = slices.Concat(c.weakened, c.out.Problems)
	return "", nil
}

// awaits adds to the report of a plan what it lacks to be imported, and returns
// who approved it.
func (s *Service) awaits(ctx context.Context, c *checked, in Import, plan snapshot.Digest, report *Report) ([]Approval, error) {
	var list []Approval
	if plan != (snapshot.Digest{}) {
		var err error
		if list, err = s.approvals(ctx, in.Project, plan.String()); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
	}
	if !slices.ContainsFunc(list, func(a Approval) bool { return a.By != in.Asker }) {
		report.Problems = slices.Concat(c.weakened, report.Problems)
	}
	return list, nil
}

// An Approval is leave to import a plan, by another key than the one that
// imports.
type Approval struct {
	By string // id of a management key
	At time.Time
}

// Until is when an approval ends to count.
func (a Approval) Until() time.Time { return a.At.Add(Approvable) }

func (s *Service) approvals(ctx context.Context, id, plan string) ([]Approval, error) {
	if plan == "" {
		return nil, nil
	}
	var list []Approval
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		list, err = store.Collect(tx, scanApproval, `SELECT approver, created_at FROM approvals WHERE project = $1 AND plan = $2 AND created_at > $3 ORDER BY created_at, approver`,
			id, plan, time.Now().Add(-Approvable).Unix())
		return err
	})
	if err != nil || s.MayApprove == nil {
		return nil, err // nobody knows who may, so nobody did
	}
	var valid []Approval
	for _, a := range list {
		may, err := s.MayApprove(ctx, a.By, id)
		if err != nil {
			return nil, err
		}
		if may {
			valid = append(valid, a)
		}
	}
	return valid, nil
}

func scanApproval(row store.Scanner) (a Approval, err error) {
	var at int64
	err = row.Scan(&a.By, &at)
	a.At = time.Unix(at, 0)
	return a, err
}

// Approve lets another key import the plan with a digest though it weakens
// security. A plan is of one state of the project: once that changed, by the
// import or otherwise, nothing has the digest any more, so an approval is good
// once. It counts for Approvable.
func (s *Service) Approve(ctx context.Context, by audit.Origin, id, plan string) (Approval, error) {
	digest, err := snapshot.ParseDigest(plan)
	if err != nil {
		return Approval{}, ErrApproval
	}
	a := Approval{By: by.Actor, At: time.Now().Truncate(time.Second)}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if _, err := get(tx, id); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO approvals (project, plan, approver, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (project, plan, approver) DO UPDATE SET created_at = $4`, id, digest.String(), a.By, a.At.Unix()); err != nil {
			return err
		}
		e := by.Event("project.approve", audit.Done)
		e.Project, e.Details = id, map[string]any{"plan": digest.String()}
		return audit.Record(tx, e)
	})
	if err != nil {
		return Approval{}, fmt.Errorf("approve plan: %w", err)
	}
	return a, nil
}

// forgetApprovals takes those away that count no more.
func forgetApprovals(tx *store.Tx) error {
	_, err := tx.Exec(`DELETE FROM approvals WHERE created_at <= $1`, time.Now().Add(-Approvable).Unix())
	return err
}
