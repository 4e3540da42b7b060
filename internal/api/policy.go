package api

import (
	"context"

	"postern/internal/project"
	"postern/internal/snapshot"
)

// policyBody is a policy on the wire, as it is asked for and answered. Both
// members are the whole: one that is missing protects nothing.
type policyBody struct {
	Protected   []string `json:"protected"`   // exclude keys, and entities as "kind:name"
	MaxRemovals *int     `json:"maxRemovals"` // null is any number
}

func policyOnWire(p project.Policy) *policyBody {
	out := &policyBody{Protected: []string{}, MaxRemovals: p.MaxRemovals}
	for _, what := range p.Protected {
		out.Protected = append(out.Protected, string(what))
	}
	return out
}

func (s *Server) getPolicy(ctx context.Context, _ *empty) (*policyBody, error) {
	p, err := s.Projects.Policy(ctx, callerOf(ctx).project)
	if err != nil {
		return nil, err
	}
	return policyOnWire(p), nil
}

func (s *Server) setPolicy(ctx context.Context, in *policyBody) (*policyBody, error) {
	c := callerOf(ctx)
	p := project.Policy{Protected: []snapshot.Protection{}, MaxRemovals: in.MaxRemovals}
	for _, what := range in.Protected {
		p.Protected = append(p.Protected, snapshot.Protection(what))
	}
	if err := s.Projects.SetPolicy(ctx, c.origin, c.project, p); err != nil {
		return nil, err
	}
	return s.getPolicy(ctx, &empty{})
}
