package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"postern/internal/project"
	"postern/internal/snapshot"
)

// A planView is a plan as a page shows it, of an import or of a rollback.
type planView struct {
	Digest   string // of the plan; blank where it would be refused
	Base     int64
	Changed  bool
	Refused  bool
	Tally    snapshot.Tally
	Errors   []snapshot.Problem
	Warnings []snapshot.Problem
	Gone     []*entityView // what is removed as a whole
	Risky    []secretView  // secrets that are lost, or sent elsewhere
	Sections []*sectionView
	Secrets  []secretView
	Same     int // secrets that stay
	Rebound  []snapshot.Rebound
	Left     snapshot.Left
	Missing  []snapshot.MissingSecret
	Pending  *project.Pending
	Flows    []flowView
	Cannot   []string // what going back leaves as it is
	Passed   []string // files that came with an upload and belong to no snapshot
	Risks    []riskView
	Effects  []snapshot.Effect // of the plan as a whole
	heldView
}

// Attention reports whether the plan has anything to look at first.
func (p *planView) Attention() bool {
	return len(p.Gone)+len(p.Risky)+len(p.Warnings)+len(p.Passed)+len(p.Risks)+len(p.Effects) > 0
}

func (p *planView) problems(list []snapshot.Problem) {
	p.Warnings, p.Errors = snapshot.ByLevel(list)
	p.Refused = p.Digest == "" // what only lacks leave, or an approval, has one
}

func (p *planView) differences(list []snapshot.Difference) {
	p.Sections = sectionsOf(list)
	for _, s := range p.Sections {
		for _, e := range s.Entities {
			if e.Action == string(snapshot.Removed) {
				p.Gone = append(p.Gone, e)
			}
		}
	}
	for _, d := range list {
		for _, r := range d.Risks {
			p.Risks = append(p.Risks, riskView{r, d.What()})
		}
	}
	p.Tally = snapshot.TallyOf(list)
}

func planOf(plan *project.Plan) *planView {
	p := &planView{Base: plan.Base.Number, Changed: plan.Changed, Rebound: plan.Rebound, Left: plan.Left, Missing: plan.Missing, Pending: plan.Pending}
	p.Digest, p.Effects = digestText(plan.Digest), plan.Effects
	p.problems(plan.Problems)
	p.differences(plan.Differences)
	p.Secrets, p.Same = secretsOf(plan.Secrets)
	for _, s := range p.Secrets {
		if s.Risky && !s.Asked() {
			p.Risky = append(p.Risky, s)
		}
	}
	return p
}

type importPage struct {
	page
	Excludes  []snapshot.Section // what can be left out
	MaxBody   int64
	Proposals []proposalView
}

func (s *Server) importForm(w http.ResponseWriter, v *visit) error {
	p := importPage{page: page{Title: "Import", Tab: "import"}, Excludes: snapshot.Sections, MaxBody: s.MaxBody}
	if err := s.of(v, &p.page); err != nil {
		return err
	}
	list, err := s.Projects.Proposals(v.r.Context(), v.caller.Project)
	if err != nil {
		return err
	}
	if p.Proposals, err = s.viewed(v, list...); err != nil {
		return err
	}
	return s.show(w, v, http.StatusOK, "import", &p)
}

type planPage struct {
	page
	Plan    *planView
	Draft   string // the upload, sealed; blank where its files cannot be read
	Message string
	Within  string
	To      int64         // a rollback: the revision to go back to
	Kept    *proposalView // one that is kept for others to look at
}

func (s *Server) plan(w http.ResponseWriter, v *visit) error {
	in, err := s.submitted(w, v)
	if err != nil {
		return err
	}
	up, err := s.upload(v, in)
	if err != nil {
		return err
	}
	return s.showPlan(w, v, in, up, nil, "")
}

// showPlan makes the plan of an upload, and its page.
func (s *Server) showPlan(w http.ResponseWriter, v *visit, in *submission, up *snapshot.Upload, kept *proposalView, problem string) error {
	p := planPage{page: page{Title: "Plan", Tab: "import", Problem: problem}, Message: in.fields.Get("message"), Within: in.fields.Get("within")}
	if err := s.of(v, &p.page); err != nil {
		return err
	}
	up.Message, up.Within, up.Plan, up.AllowWeakening = "", "", "", nil // they are for the import
	passed := up.PassedOver
	if !snapshot.Failed(up.Problems) {
		var err error
		if p.Draft, err = s.sealDraft(v, up); err != nil {
			return err
		}
	}
	plan, err := s.Projects.Plan(v.r.Context(), project.Import{Project: v.caller.Project, Upload: up})
	if err != nil {
		return err
	}
	p.Plan = planOf(plan)
	p.Plan.Passed = passed
	if p.Kept = kept; kept != nil {
		kept.Same = plan.Digest == kept.Plan
	}
	if err := s.hold(v, p.Plan, plan.Approvals); err != nil {
		return err
	}
	if p.Draft == "" {
		p.Plan.Missing = nil // first the files must be right
	}
	flows, err := plan.Flows()
	if err != nil {
		return err
	}
	p.Plan.Flows = drawnFlows(flows)
	return s.show(w, v, http.StatusOK, "plan", &p)
}

// apply imports exactly what the page showed. What changed since is shown again,
// as a plan that nobody has looked at yet.
func (s *Server) apply(w http.ResponseWriter, v *visit) error {
	in, err := s.submitted(w, v)
	if err != nil {
		return err
	}
	in.archive = nil // what is applied is what was planned
	up, err := s.upload(v, in)
	if err != nil {
		return err
	}
	if up.Plan = in.fields.Get("plan"); up.Plan == "" {
		return errDraft
	}
	up.Message, up.Within = strings.ReplaceAll(in.fields.Get("message"), "\r\n", "\n"), in.fields.Get("within")
	up.AllowWeakening = codes(in.fields["allow"])
	again := up.Clone()
	res, err := s.Projects.Import(v.r.Context(), v.caller.Origin, project.Import{Project: v.caller.Project, Upload: up})
	switch {
	case errors.Is(err, project.ErrPlanned), errors.Is(err, project.ErrConflict):
		s.refused(v, s.Need(callImport), err)
		return s.showPlan(w, v, in, again, nil, "Nothing was applied: something changed since this was planned. This is the plan as it is now.")
	case err != nil:
		return err
	case !res.Changed:
		return redirect(w, v.r, projectPath(v.caller.Project))
	}
	return redirect(w, v.r, revisionPath(v.caller.Project, res.Revision)+"?done=applied")
}

func projectPath(id string) string { return Root + "/projects/" + id }

func revisionPath(id string, number int64) string {
	return fmt.Sprintf("%s/revisions/%d", projectPath(id), number)
}

func (s *Server) planRollback(w http.ResponseWriter, v *visit) error {
	number, err := v.number()
	if err != nil {
		return err
	}
	return s.showRollback(w, v, number, "")
}

func (s *Server) showRollback(w http.ResponseWriter, v *visit, number int64, problem string) error {
	p := planPage{page: page{Title: fmt.Sprintf("Go back to revision %d", number), Tab: "history", Problem: problem}, To: number}
	p.Message, p.Within = v.r.PostForm.Get("message"), v.r.PostForm.Get("within")
	if err := s.of(v, &p.page); err != nil {
		return err
	}
	plan, err := s.Projects.PlanRollback(v.r.Context(), project.Rollback{Project: v.caller.Project, Revision: number})
	if err != nil {
		return err
	}
	p.Plan = &planView{Base: plan.From.Number, Changed: len(plan.Differences) > 0, Cannot: project.CannotUndo}
	p.Plan.Digest, p.Plan.Effects = digestText(plan.Digest), plan.Effects
	p.Plan.problems(plan.Problems)
	p.Plan.differences(plan.Differences)
	if err := s.hold(v, p.Plan, plan.Approvals); err != nil {
		return err
	}
	if p.Plan.Flows, err = s.flowsBetween(v, plan.From.Number, number); err != nil {
		return err
	}
	return s.show(w, v, http.StatusOK, "plan", &p)
}

func (s *Server) rollback(w http.ResponseWriter, v *visit) error {
	number, err := v.number()
	if err != nil {
		return err
	}
	if err := v.form(w); err != nil {
		return err
	}
	r := project.Rollback{
		Project: v.caller.Project, Revision: number, Plan: v.r.PostForm.Get("plan"),
		Message: strings.ReplaceAll(v.r.PostForm.Get("message"), "\r\n", "\n"), Within: v.r.PostForm.Get("within"),
		AllowWeakening: codes(v.r.PostForm["allow"]),
	}
	if r.Plan == "" {
		return errDraft
	}
	res, err := s.Projects.Rollback(v.r.Context(), v.caller.Origin, r)
	switch {
	case errors.Is(err, project.ErrPlanned), errors.Is(err, project.ErrConflict):
		s.refused(v, s.Need(callRollback), err)
		return s.showRollback(w, v, number, "Nothing was done: something changed since this was planned. This is the plan as it is now.")
	case err != nil:
		return err
	}
	return redirect(w, v.r, revisionPath(v.caller.Project, res.Revision)+"?done=back")
}

// confirm lets a revision stay that waits for it, or takes it back at once.
func (s *Server) confirm(w http.ResponseWriter, v *visit) error {
	number, err := v.number()
	if err != nil {
		return err
	}
	if err := v.form(w); err != nil {
		return err
	}
	switch v.r.PostForm.Get("do") {
	case "stay":
		if err := s.Projects.Confirm(v.r.Context(), v.caller.Origin, v.caller.Project, number); err != nil {
			return err
		}
		return redirect(w, v.r, revisionPath(v.caller.Project, number)+"?done=confirmed")
	case "back":
		res, err := s.Projects.Undo(v.r.Context(), v.caller.Origin, v.caller.Project, number)
		if err != nil {
			return err
		}
		return redirect(w, v.r, revisionPath(v.caller.Project, res.Revision)+"?done=back")
	default:
		return errForm
	}
}

// Blank reports whether nothing would change.
func (p *planView) Blank() bool { return !p.Refused && !p.Changed }

// Applies reports whether the plan can be applied now.
func (p *planView) Applies() bool {
	return !p.Refused && p.Changed && p.Pending == nil && (!p.Held() || len(p.Leaves) > 0)
}

// what names the plan in its heading.
func (p *planPage) What() string {
	return cmp.Or(map[bool]string{true: fmt.Sprintf("Go back to revision %d", p.To)}[p.To > 0], "Plan of an import")
}
