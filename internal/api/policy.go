package api

import (
	"cmp"
	"context"

	"postern/internal/project"
	"postern/internal/signature"
	"postern/internal/snapshot"
)

// policyBody is a policy on the wire, as it is asked for and answered. Its
// members are the whole: one that is missing protects nothing.
type policyBody struct {
	Protected     []string           `json:"protected"`     // exclude keys, and entities as "kind:name"
	MaxRemovals   *int               `json:"maxRemovals"`   // null is any number
	Weakening     string             `json:"weakening"`     // what it takes to weaken security: "allow" nothing, "leave" or "approval"
	Signers       []signature.Signer `json:"signers"`       // the public keys that are trusted, each with a name
	RequireSigned bool               `json:"requireSigned"` // nothing is taken that none of them signed
}

func policyOnWire(p project.Policy) *policyBody {
	out := &policyBody{Protected: []string{}, MaxRemovals: p.MaxRemovals, Weakening: string(cmp.Or(p.Weakening, project.Allow)), Signers: p.Signers, RequireSigned: p.RequireSigned}
	for _, what := range p.Protected {
		out.Protected = append(out.Protected, string(what))
	}
	return out
}

func (s *Server) getPolicy(ctx context.Context, _ *empty) (*policyBody, error) {
	p, err := s.Projects.Policy(ctx, callerOf(ctx).Project)
	if err != nil {
		return nil, err
	}
	return policyOnWire(p), nil
}

func (s *Server) setPolicy(ctx context.Context, in *policyBody) (*policyBody, error) {
	c := callerOf(ctx)
	p := project.Policy{Protected: []snapshot.Protection{}, MaxRemovals: in.MaxRemovals, Weakening: project.Weakening(in.Weakening), Signers: in.Signers, RequireSigned: in.RequireSigned}
	for _, what := range in.Protected {
		p.Protected = append(p.Protected, snapshot.Protection(what))
	}
	if err := s.Projects.SetPolicy(ctx, c.Origin, c.Project, p); err != nil {
		return nil, err
	}
	return s.getPolicy(ctx, &empty{})
}

type approveRequest struct {
	Plan string `json:"plan"` // its digest
}

// wireApproval is who approved a plan.
type wireApproval struct {
	By          wireAuthor `json:"by"`
	CreatedTime int64      `json:"createdTime"` // Unix seconds
	Until       int64      `json:"until"`       // Unix seconds; then it counts no more
}

func (s *Server) approve(ctx context.Context, in *approveRequest) (*wireApproval, error) {
	if in.Plan == "" {
		return nil, errMember.WithMessage("the body lacks plan, the digest of the plan to approve")
	}
	c := callerOf(ctx)
	a, err := s.Projects.Approve(ctx, c.Origin, c.Project, in.Plan)
	if err != nil {
		return nil, err
	}
	list, err := s.approvalsOnWire(ctx, a)
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// approvalsOnWire writes approvals with the names of the keys.
func (s *Server) approvalsOnWire(ctx context.Context, list ...project.Approval) ([]wireApproval, error) {
	var ids []string
	for _, a := range list {
		ids = append(ids, a.By)
	}
	names, err := s.Keys.Names(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := []wireApproval{}
	for _, a := range list {
		out = append(out, wireApproval{By: wireAuthor{ID: a.By, Name: names[a.By]}, CreatedTime: a.At.Unix(), Until: a.Until().Unix()})
	}
	return out, nil
}
