package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// What bounds the plans that are kept.
const (
	mostProposals   = 20       // of a project; the oldest makes room
	maxProposal     = 16 << 20 // bytes of one, compressed
	proposalPurpose = "proposed plan"
)

// What callers are told of plans that are kept.
var (
	ErrNoProposal = fault.New(fault.NotFound, "P40422", "no such plan is kept: it was applied, or made longer ago than seven days, or others took its place")
	ErrBigPlan    = fault.New(fault.TooLarge, "P41322", "the files are too large to be kept with their plan")
	ErrMovedPlan  = fault.New(fault.Invalid, "P40022", "a plan that lets stored secrets follow to another destination is not kept for others: only an admin may import it")
)

// A Proposal is a plan that is kept for somebody else to look at, and to approve.
type Proposal struct {
	Plan    snapshot.Digest
	By      string // id of a management key
	At      time.Time
	Message string
}

// Propose plans an import and keeps the plan, with all that it was made of, for
// as long as an approval counts or until it is applied. A plan without a digest is
// not kept. Secrets in it are sealed, and no answer has them again. Where the upload
// names a plan and it would be another one, that is ErrPlanned.
func (s *Service) Propose(ctx context.Context, by audit.Origin, in Import) (*Plan, error) {
	if in.Upload.AllowMoved {
		return nil, ErrMovedPlan
	}
	content, err := Pack(in.Upload)
	if err != nil {
		return nil, err
	}
	if len(content) > maxProposal {
		return nil, ErrBigPlan
	}
	message := in.Upload.Message
	plan, err := s.Plan(ctx, in)
	if err != nil || plan.Digest == (snapshot.Digest{}) {
		return plan, err
	}
	sealed, err := s.Master.SealTicket(proposalPurpose, in.Project, content)
	if err != nil {
		return nil, fmt.Errorf("propose: %w", err)
	}
	digest := plan.Digest.String()
	if in.Upload.Plan != "" && in.Upload.Plan != digest {
		return nil, ErrPlanned
	}
	err = s.DB.WriteLarge(ctx, func(_ context.Context, tx *store.Tx) error {
		if _, err := get(tx, in.Project); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO proposals (project, plan, proposer, message, body, created_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (project, plan) DO UPDATE SET proposer = $3, message = $4, body = $5, created_at = $6`,
			in.Project, digest, by.Actor, message, sealed, time.Now().Unix())
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM proposals WHERE project = $1 AND plan <> $2 AND plan NOT IN
			(SELECT plan FROM proposals WHERE project = $1 AND plan <> $2 ORDER BY created_at DESC, plan LIMIT $3)`, in.Project, digest, mostProposals-1)
		if err != nil {
			return err
		}
		e := by.Event("project.propose", audit.Done)
		e.Project, e.Details = in.Project, map[string]any{"plan": digest}
		return audit.Record(tx, e)
	})
	if err != nil {
		return nil, fmt.Errorf("propose: %w", err)
	}
	return plan, nil
}

// Proposals returns the plans that are kept of a project, the newest first.
func (s *Service) Proposals(ctx context.Context, id string) (list []Proposal, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		list, err = store.Collect(tx, func(row store.Scanner) (Proposal, error) { return scanProposal(row) },
			`SELECT plan, proposer, message, created_at FROM proposals WHERE project = $1 AND created_at > $2 ORDER BY created_at DESC, plan`,
			id, proposedSince())
		return err
	})
	return list, err
}

// Proposed returns a plan that is kept, and the upload that it was made of, to be
// planned again: the project may have changed since.
func (s *Service) Proposed(ctx context.Context, id, plan string, maxFiles int) (p Proposal, up *snapshot.Upload, err error) {
	var sealed []byte
	err = s.DB.One(ctx, func(row store.Scanner) (err error) {
		p, err = scanProposal(row, &sealed)
		return err
	}, `SELECT plan, proposer, message, created_at, body FROM proposals WHERE project = $1 AND plan = $2 AND created_at > $3`, id, plan, proposedSince())
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil, ErrNoProposal
	}
	if err != nil {
		return p, nil, fmt.Errorf("read proposal: %w", err)
	}
	content, err := s.Master.OpenTicket(proposalPurpose, id, sealed)
	if err != nil {
		return p, nil, ErrNoProposal // of a master key that is gone
	}
	up, err = s.Unpack(content, maxFiles)
	return p, up, err
}

func proposedSince() int64 { return time.Now().Add(-Approvable).Unix() }

func scanProposal(row store.Scanner, more ...any) (p Proposal, err error) {
	var plan string
	var at int64
	if err = row.Scan(append([]any{&plan, &p.By, &p.Message, &at}, more...)...); err != nil {
		return p, err
	}
	p.At = time.Unix(at, 0)
	p.Plan, err = snapshot.ParseDigest(plan)
	return p, err
}

// forgetProposals takes those away that are kept no longer.
func forgetProposals(tx *store.Tx) error {
	_, err := tx.Exec(`DELETE FROM proposals WHERE created_at <= $1`, proposedSince())
	return err
}

// fulfil takes the plan away that an import was: nobody has to look at it any more.
func (in Import) fulfil(tx *store.Tx) error {
	if in.Upload.Plan == "" {
		return nil
	}
	_, err := tx.Exec(`DELETE FROM proposals WHERE project = $1 AND plan = $2`, in.Project, in.Upload.Plan)
	return err
}
