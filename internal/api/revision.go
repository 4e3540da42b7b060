package api

import (
	"context"
	"net/http"
	"strconv"

	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/signature"
	"postern/internal/snapshot"
)

var errQuery = fault.New(fault.Invalid, "E011002", "a parameter of the query must be a whole number that is not negative")

// queryNumber reads a number from the query; one that is not there is 0.
func queryNumber(r *http.Request, name string, into *number) error {
	text := r.URL.Query().Get(name)
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return errQuery.WithMessage(name + " must be a whole number that is not negative")
	}
	*into = number(n)
	return nil
}

// wirePending is a revision that waits to be confirmed.
type wirePending struct {
	Revision   int64  `json:"revision"`
	GoesBackTo int64  `json:"goesBackTo"`
	At         int64  `json:"at"`               // Unix seconds
	Failure    string `json:"failure,omitzero"` // why it could not go back
}

func pendingOnWire(p *project.Pending) *wirePending {
	if p == nil {
		return nil
	}
	return &wirePending{Revision: p.Revision, GoesBackTo: p.GoesBackTo, At: p.At.Unix(), Failure: p.Failure}
}

type wireAuthor struct {
	ID   string `json:"id"`
	Name string `json:"name,omitzero"` // where the key still exists
}

type wireRevision struct {
	Number      int64             `json:"number"`
	Digest      string            `json:"digest"`
	Parent      int64             `json:"parent"`
	CreatedTime int64             `json:"createdTime"` // Unix seconds
	Author      wireAuthor        `json:"author"`
	Kind        string            `json:"kind"`
	Message     string            `json:"message"`
	Summary     string            `json:"summary"`
	Source      snapshot.Source   `json:"source"`
	Environment string            `json:"environment,omitzero"` // whose values its placeholders got
	SignedBy    *signature.Signer `json:"signedBy,omitzero"`    // whose signature was found to fit
}

// revisionsOnWire writes revisions with the names of their authors.
func (s *Server) revisionsOnWire(ctx context.Context, list ...project.Revision) ([]wireRevision, error) {
	var ids []string
	for _, r := range list {
		ids = append(ids, r.Author)
	}
	names, err := s.Keys.Names(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := []wireRevision{}
	for _, r := range list {
		out = append(out, wireRevision{
			Number: r.Number, Digest: r.Digest.String(), Parent: r.Parent, CreatedTime: r.CreatedAt.Unix(),
			Author: wireAuthor{ID: r.Author, Name: names[r.Author]}, Kind: string(r.Kind), Message: r.Message, Summary: r.Summary, Source: r.Source, Environment: r.Environment, SignedBy: r.SignedBy,
		})
	}
	return out, nil
}

// defaultPage is how many revisions a page has where nobody says how many.
const defaultPage = 100

type revisionsRequest struct {
	Limit  number `json:"limit"`  // at most project.MaxPage; 0 is defaultPage
	Before number `json:"before"` // the number after the newest that is wanted; 0 is from the head on
}

func (q *revisionsRequest) query(r *http.Request) error {
	if err := queryNumber(r, "limit", &q.Limit); err != nil {
		return err
	}
	return queryNumber(r, "before", &q.Before)
}

type revisionsAnswer struct {
	Revisions []wireRevision `json:"revisions"`
	More      bool           `json:"more"`
	Oldest    int64          `json:"oldest"` // those before it were collected
	Pending   *wirePending   `json:"pending,omitzero"`
}

func (s *Server) listRevisions(ctx context.Context, in *revisionsRequest) (*revisionsAnswer, error) {
	limit := int(min(in.Limit, project.MaxPage))
	if limit == 0 {
		limit = defaultPage
	}
	h, err := s.Projects.Revisions(ctx, callerOf(ctx).Project, int64(in.Before), limit)
	if err != nil {
		return nil, err
	}
	out := &revisionsAnswer{More: h.More, Oldest: h.Oldest, Pending: pendingOnWire(h.Pending)}
	out.Revisions, err = s.revisionsOnWire(ctx, h.Revisions...)
	return out, err
}

type revisionRequest struct {
	Number number `json:"number"`
}

// query takes the number from the path.
func (q *revisionRequest) query(r *http.Request) error {
	n, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if err != nil {
		return errNoRoute
	}
	q.Number = number(n)
	return nil
}

type revisionAnswer struct {
	Revision    wireRevision          `json:"revision"`
	Differences []snapshot.Difference `json:"differences"`     // to its parent; secrets without their values
	ParentGone  bool                  `json:"parentCollected"` // so that nobody knows the differences
	Pending     *wirePending          `json:"pending,omitzero"`
}

func (s *Server) getRevision(ctx context.Context, in *revisionRequest) (*revisionAnswer, error) {
	shown, err := s.Projects.Revision(ctx, callerOf(ctx).Project, int64(in.Number))
	if err != nil {
		return nil, err
	}
	list, err := s.revisionsOnWire(ctx, shown.Revision)
	if err != nil {
		return nil, err
	}
	return &revisionAnswer{Revision: list[0], Differences: shown.Differences, ParentGone: shown.ParentGone, Pending: pendingOnWire(shown.Pending)}, nil
}

type rollbackRequest struct {
	Revision     number              `json:"revision"`
	Message      string              `json:"message"`
	Source       snapshot.Source     `json:"source"`
	Within       string              `json:"confirmWithin"` // "10m"; blank waits for nothing
	ValidateOnly bool                `json:"validateOnly"`
	Plan         string              `json:"plan"`           // the digest that validateOnly answered: that, or a conflict
	Weakening    []snapshot.RiskCode `json:"allowWeakening"` // codes of risks that are meant
	IfMatch      string              `json:"-"`
	Key          string              `json:"-"` // Idempotency-Key
}

func (q *rollbackRequest) query(r *http.Request) error { //nolint:unparam // others fail
	q.IfMatch, q.Key = etag(r.Header.Get("If-Match")), idempotencyKey(r)
	return nil
}

// rollbackAnswer is what a rollback did or, with validateOnly, would do.
type rollbackAnswer struct {
	Revision    int64                 `json:"revision"` // the head afterwards
	Digest      string                `json:"digest"`
	Changed     bool                  `json:"changed"`
	Changes     []snapshot.Change     `json:"changes"`
	Warnings    []snapshot.Problem    `json:"warnings"`
	Pending     *wirePending          `json:"pending,omitzero"`
	CannotUndo  []string              `json:"cannotUndo"` // what stays as it is
	OK          *bool                 `json:"ok,omitzero"`
	Failures    []string              `json:"failures,omitempty"`
	Missing     *missingSecrets       `json:"missingSecrets,omitzero"`
	Differences []snapshot.Difference `json:"differences,omitempty"`
	Effects     []snapshot.Effect     `json:"effects,omitempty"` // of the rollback as a whole, as those of a plan
	Plan        string                `json:"plan,omitzero"`     // its digest, to be given to the rollback
	Approved    []wireApproval        `json:"approvals,omitempty"`
}

func (s *Server) rollback(ctx context.Context, in *rollbackRequest) (*rollbackAnswer, error) {
	if in.Revision == 0 {
		return nil, errMember.WithMessage("the body lacks revision, the number of the revision to go back to")
	}
	c := callerOf(ctx)
	r := project.Rollback{
		Project: c.Project, Revision: int64(in.Revision), Message: in.Message, IfMatch: in.IfMatch, Within: in.Within, Source: in.Source, Plan: in.Plan, Key: in.Key,
		AllowWeakening: in.Weakening, Asker: c.Origin.Actor,
	}
	if in.ValidateOnly {
		return s.planRollback(ctx, r)
	}
	res, err := s.Projects.Rollback(ctx, c.Origin, r)
	if err != nil {
		return nil, err
	}
	return &rollbackAnswer{
		Revision: res.Revision, Digest: res.Digest.String(), Changed: res.Changed, Changes: res.Changes, Warnings: res.Warnings,
		Pending: pendingOnWire(res.Pending), CannotUndo: project.CannotUndo,
	}, nil
}

func (s *Server) planRollback(ctx context.Context, r project.Rollback) (*rollbackAnswer, error) {
	plan, err := s.Projects.PlanRollback(ctx, r)
	if err != nil {
		return nil, err
	}
	approved, err := s.approvalsOnWire(ctx, plan.Approvals...)
	if err != nil {
		return nil, err
	}
	ok := !plan.Failed()
	return &rollbackAnswer{
		Revision: plan.From.Number, Digest: plan.From.Digest.String(), Changes: plan.Changes, Warnings: plan.Problems, CannotUndo: project.CannotUndo,
		OK: &ok, Failures: failures(plan.Problems, 0), Missing: missing(plan.Missing), Differences: plan.Differences,
		Effects: plan.Effects, Plan: digestOnWire(plan.Digest), Approved: approved,
	}, nil
}

type confirmRequest struct {
	Revision number `json:"revision"`
	Undo     bool   `json:"undo"` // go back at once instead
}

type confirmAnswer struct {
	Revision  int64             `json:"revision"` // the head afterwards
	Confirmed bool              `json:"confirmed"`
	Changes   []snapshot.Change `json:"changes"` // what going back changed
}

func (s *Server) confirm(ctx context.Context, in *confirmRequest) (*confirmAnswer, error) {
	if in.Revision == 0 {
		return nil, errMember.WithMessage("the body lacks revision, the number of the revision that waits to be confirmed")
	}
	c := callerOf(ctx)
	if in.Undo {
		res, err := s.Projects.Undo(ctx, c.Origin, c.Project, int64(in.Revision))
		if err != nil {
			return nil, err
		}
		return &confirmAnswer{Revision: res.Revision, Changes: res.Changes}, nil
	}
	if err := s.Projects.Confirm(ctx, c.Origin, c.Project, int64(in.Revision)); err != nil {
		return nil, err
	}
	return &confirmAnswer{Revision: int64(in.Revision), Confirmed: true, Changes: []snapshot.Change{}}, nil
}

type revokeRequest struct {
	ID string `json:"id"` // of the entity whose secrets they were, as in missingSecrets
}

type revokeAnswer struct {
	Values int `json:"values"`
}

func (s *Server) revokeSecrets(ctx context.Context, in *revokeRequest) (*revokeAnswer, error) {
	if in.ID == "" {
		return nil, errMember.WithMessage("the body lacks id, the id of the entity whose older secrets to destroy")
	}
	c := callerOf(ctx)
	n, err := s.Projects.RevokeSecrets(ctx, c.Origin, c.Project, in.ID)
	if err != nil {
		return nil, err
	}
	return &revokeAnswer{Values: n}, nil
}
