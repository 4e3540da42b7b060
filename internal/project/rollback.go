package project

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"postern/internal/audit"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// A Rollback is a request to make a project what it was at one of its
// revisions: exactly that, and not that joined with what it is now.
type Rollback struct {
	Project  string
	Revision int64
	Message  string
	IfMatch  string          // as for an import
	Within   string          // how long to wait for a confirmation, as for an import
	Source   snapshot.Source // where the wish comes from
	Plan     string          // the digest of the plan that this must be, as for an import
	Key      string          // as for an import

	AllowWeakening []snapshot.RiskCode // as for an import
	Asker          string              // as for an import
}

// CannotUndo are what a rollback leaves as it is, for people.
var CannotUndo = []string{
	"A secret that was changed at an outside service stays changed there; only the value that is sent to it goes back.",
	"Messages that were sent, and calls that connectors made, stay made.",
	"Sessions and tokens stay valid for as long as they were given out for.",
	"Users, tenants, access keys and management keys are no part of a revision.",
	"The name, the environment and the tags of the project are no part of a revision.",
}

// A RollbackPlan says what a rollback would do.
type RollbackPlan struct {
	Report
	From        Revision // the head
	To          Revision
	Changes     []snapshot.Change
	Differences []snapshot.Difference
	Effects     []snapshot.Effect // of the rollback as a whole, as those of a plan
	Digest      snapshot.Digest   // as that of a plan
	Approvals   []Approval        // as those of a plan
}

// Rollback imports a revision again, as a new one. It goes the way of every
// import; secrets get the values that they had. One whose value was destroyed
// is missing, and nothing is applied.
func (s *Service) Rollback(ctx context.Context, by audit.Origin, r Rollback) (*Result, error) {
	return s.rollback(ctx, by, r, nil)
}

func (s *Service) rollback(ctx context.Context, by audit.Origin, r Rollback, undoes *Pending) (*Result, error) {
	in, err := s.backward(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("roll back: %w", err)
	}
	in.undoes = undoes
	return s.Import(ctx, by, in)
}

// PlanRollback says what Rollback would do, and changes nothing.
func (s *Service) PlanRollback(ctx context.Context, r Rollback) (*RollbackPlan, error) {
	in, err := s.backward(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("plan rollback: %w", err)
	}
	in.dry = true
	c, err := s.check(ctx, in)
	if err != nil {
		return nil, err
	}
	st, out := c.st, c.out
	plan := &RollbackPlan{Report: Report{out.Problems, out.Missing}, From: st.revision, To: in.target.revision, Changes: out.Changes}
	// Those that were destroyed are problems already.
	base, made := s.base(ctx, st), s.base(ctx, in.target)
	if plan.Differences, err = s.facts.CompareStored(base, made); err != nil {
		return nil, err
	}
	secrets, err := s.plannedSecrets(ctx, st, out)
	if err != nil {
		return nil, err
	}
	if err = s.nameSecrets(secrets, base, made); err != nil {
		return nil, err
	}
	if plan.Effects, err = s.tellEffects(ctx, Planned{in.Project, plan.Differences, secrets, base, made, st.pending}); err != nil || out.Failed() {
		return plan, err
	}
	if plan.Digest, err = planDigest(st, in, out, secrets); err != nil {
		return nil, err
	}
	plan.Approvals, err = s.awaits(ctx, c, in, plan.Digest, &plan.Report)
	return plan, err
}

// backward makes the import that a rollback is.
func (s *Service) backward(ctx context.Context, r Rollback) (Import, error) {
	if r.Revision <= 0 {
		return Import{}, ErrNoRevision
	}
	target, files, err := s.whole(ctx, r.Project, r.Revision, leaveDestroyed)
	if err != nil {
		return Import{}, err
	}
	up := &snapshot.Upload{
		Files: snapshot.Render(files, snapshot.FormatPlain), SameIDs: true, Stored: true, Environment: target.revision.Environment,
		Message: r.Message, Source: r.Source, Within: r.Within, Plan: r.Plan, AllowWeakening: r.AllowWeakening,
	}
	if up.Message == "" {
		up.Message = fmt.Sprintf("rollback to revision %d", r.Revision)
	}
	return Import{Project: r.Project, Upload: up, Kind: KindRollback, IfMatch: r.IfMatch, Key: r.Key, Asker: r.Asker, target: target}, nil
}

// leaveDestroyed takes the secrets whose values are not there any more out of a
// revision, so that the check finds them missing.
func leaveDestroyed(tx *store.Tx, st *state) error {
	there := map[string]bool{}
	err := store.Each(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) },
		func(id string) error { there[id] = true; return nil },
		`SELECT id FROM secrets WHERE project = $1 AND revoked_at = 0`, st.project.ID)
	st.secrets = slices.DeleteFunc(st.secrets, func(place snapshot.StoredSecret) bool {
		if !there[place.ID] {
			st.destroyed = append(st.destroyed, place)
		}
		return !there[place.ID]
	})
	return err
}

// lost says of the secrets that a revision lacks why that is so, and sees that
// each one that was destroyed refuses the rollback.
func (st *state) lost(out *snapshot.Outcome) {
	const hint = "import an export of the revision, and give another value"
	for i, p := range out.Problems {
		if p.Code == snapshot.CodeSecretMissing && p.Level == snapshot.Error {
			out.Problems[i].Message, out.Problems[i].Hint = p.Message+": its value was destroyed since, and cannot come back", hint
		}
	}
	if out.Failed() {
		return
	}
	for _, place := range st.destroyed {
		out.Problems = append(out.Problems, snapshot.Problem{
			Code: snapshot.CodeSecretMissing, Level: snapshot.Error, Hint: hint,
			Message: fmt.Sprintf("the %s of the %s %q is missing: its value was destroyed since, and cannot come back", place.Field, place.Kind, place.Entity),
		})
	}
}

// stillThere sees in the transaction of a rollback that the revision and the
// values of its secrets are there: they may have been collected or destroyed
// since they were read.
func (in Import) stillThere(tx *store.Tx, secrets []snapshot.StoredSecret) error {
	if in.target == nil {
		return nil
	}
	if _, err := readRevision(tx, in.Project, in.target.revision.Number); err != nil {
		return err
	}
	for _, place := range secrets {
		var revoked int64
		err := tx.QueryRow(`SELECT revoked_at FROM secrets WHERE id = $1 AND project = $2`, place.ID, in.Project).Scan(&revoked)
		if err != nil || revoked != 0 {
			return errors.Join(ErrConflict, err)
		}
	}
	return nil
}
