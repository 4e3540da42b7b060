package web

import (
	"cmp"
	"net/http"
	"slices"

	"postern/internal/edge"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// A riskView is what a difference means for security.
type riskView struct {
	snapshot.Risk
	What string
}

// Weakens reports whether security is weaker, and not only may be.
func (r riskView) Weakens() bool { return r.Level == snapshot.Weakens }

// A heldView is what a plan lacks because it weakens security.
type heldView struct {
	Holding  []snapshot.Problem // what the policy does not let through as it is
	Leaves   []snapshot.Risk    // what may be allowed by naming it, each code once
	Approved []string           // the keys that approved the plan
}

// Held reports whether the plan lacks leave or an approval.
func (h heldView) Held() bool { return len(h.Holding) > 0 }

// hold says what a plan lacks, where security is weakened, and who approved it.
func (s *Server) hold(v *visit, p *planView, approvals []project.Approval) error {
	for _, problem := range p.Errors {
		if problem.Code == snapshot.CodeWeakens && !p.Refused {
			p.Holding = append(p.Holding, problem)
		}
	}
	var ids []string
	for _, a := range approvals {
		ids = append(ids, a.By)
	}
	names, err := s.Keys.Names(v.r.Context(), ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		p.Approved = append(p.Approved, cmp.Or(names[id], id))
	}
	slices.SortStableFunc(p.Risks, func(a, b riskView) int {
		return cmp.Compare(map[bool]int{true: 0, false: 1}[a.Weakens()], map[bool]int{true: 0, false: 1}[b.Weakens()])
	})
	policy, err := s.Projects.Policy(v.r.Context(), v.caller.Project)
	if err != nil || policy.Weakening != project.Leave || !p.Held() {
		return err
	}
	seen := map[snapshot.RiskCode]bool{}
	for _, r := range p.Risks {
		if r.Weakens() && !seen[r.Code] {
			seen[r.Code] = true
			p.Leaves = append(p.Leaves, r.Risk)
		}
	}
	return nil
}

// codes are the risks that a form says are meant.
func codes(list []string) []snapshot.RiskCode {
	var out []snapshot.RiskCode
	for _, c := range list {
		out = append(out, snapshot.RiskCode(c))
	}
	return out
}

// digestText is the text of the digest of a plan, or blank where it has none.
func digestText(d snapshot.Digest) string {
	if d == (snapshot.Digest{}) {
		return ""
	}
	return d.String()
}

// approve lets another key import the plan of the page, and shows it again.
func (s *Server) approve(w http.ResponseWriter, v *visit) error {
	in, err := s.submitted(w, v)
	if err != nil {
		return err
	}
	if _, err := s.Projects.Approve(v.r.Context(), v.caller.Origin, v.caller.Project, in.fields.Get("plan")); err != nil {
		return err
	}
	if in.fields.Get("kept") != "" {
		return redirect(w, v.r, edge.PlanPage(v.caller.Project, in.fields.Get("plan")))
	}
	in.archive = nil
	up, err := s.upload(v, in)
	if err != nil {
		return err
	}
	return s.showPlan(w, v, in, up, nil, "")
}

// approveRollback does so for a rollback.
func (s *Server) approveRollback(w http.ResponseWriter, v *visit) error {
	number, err := v.number()
	if err != nil {
		return err
	}
	if err := v.form(w); err != nil {
		return err
	}
	if _, err := s.Projects.Approve(v.r.Context(), v.caller.Origin, v.caller.Project, v.r.PostForm.Get("plan")); err != nil {
		return err
	}
	return redirect(w, v.r, revisionPath(v.caller.Project, number)+"/rollback")
}
