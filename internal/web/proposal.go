package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"postern/internal/edge"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// A proposalView is a plan that is kept for somebody else to look at.
type proposalView struct {
	project.Proposal
	Proposer string
	Link     string // the path of its page
	Same     bool   // whether the files would still do what was proposed
}

// Digest is the text of the digest of the plan that was proposed.
func (p proposalView) Digest() string { return p.Plan.String() }

// viewed adds to proposals who made them.
func (s *Server) viewed(v *visit, list ...project.Proposal) ([]proposalView, error) {
	var ids []string
	for _, p := range list {
		ids = append(ids, p.By)
	}
	names, err := s.Keys.Names(v.r.Context(), ids)
	if err != nil {
		return nil, err
	}
	var out []proposalView
	for _, p := range list {
		out = append(out, proposalView{Proposal: p, Proposer: cmp.Or(names[p.By], p.By), Link: edge.PlanPage(v.caller.Project, p.Plan.String())})
	}
	return out, nil
}

// propose keeps the plan of the page for somebody else, and leads to the page
// that they open.
func (s *Server) propose(w http.ResponseWriter, v *visit) error {
	in, err := s.submitted(w, v)
	if err != nil {
		return err
	}
	in.archive = nil // what is kept is what was planned
	up, err := s.upload(v, in)
	if err != nil {
		return err
	}
	if up.Plan = in.fields.Get("plan"); up.Plan == "" {
		return errDraft
	}
	up.Message = strings.ReplaceAll(in.fields.Get("message"), "\r\n", "\n")
	again := up.Clone()
	plan, err := s.Projects.Propose(v.r.Context(), v.caller.Origin, project.Import{Project: v.caller.Project, Upload: up})
	switch {
	case errors.Is(err, project.ErrPlanned):
		return s.showPlan(w, v, in, again, nil, "Something changed since this was planned. This is the plan as it is now.")
	case err != nil:
		return err
	case plan.Digest == (snapshot.Digest{}):
		return s.showPlan(w, v, in, again, nil, "It would be refused now, and was not kept.")
	}
	return redirect(w, v.r, edge.PlanPage(v.caller.Project, plan.Digest.String()))
}

// proposal shows a plan that is kept, as it is now.
func (s *Server) proposal(w http.ResponseWriter, v *visit) error {
	kept, up, err := s.Projects.Proposed(v.r.Context(), v.caller.Project, v.r.PathValue("plan"), s.MaxFiles)
	if err != nil {
		return err
	}
	views, err := s.viewed(v, kept)
	if err != nil {
		return err
	}
	return s.showPlan(w, v, &submission{fields: url.Values{"message": {kept.Message}}}, up, &views[0], "")
}
