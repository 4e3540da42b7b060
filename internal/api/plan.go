package api

import (
	"context"
	"net/http"

	"postern/internal/edge"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// planAnswer is what an import would do. What cannot be known of an upload that
// would be refused is blank.
type planAnswer struct {
	OK       bool                    `json:"ok"`
	Digest   string                  `json:"digest"` // of the plan: an import with it in plan does this, or nothing. It is there where only an approval lacks, too
	Base     planSide                `json:"base"`
	Result   planSide                `json:"result"`
	Changed  bool                    `json:"changed"`
	Summary  planSummary             `json:"summary"`
	Changes  []snapshot.Difference   `json:"changes"`
	Effects  []snapshot.Effect       `json:"effects"` // of the plan as a whole; each change has its own
	Secrets  []project.PlannedSecret `json:"secrets"`
	Rebound  []snapshot.Rebound      `json:"rebound"`
	Left     snapshot.Left           `json:"left"` // what stays as it is, as it was not brought
	Warnings []snapshot.Problem      `json:"warnings"`
	Details  []snapshot.Problem      `json:"details"` // the errors that would refuse it
	Missing  *missingSecrets         `json:"missingSecrets"`
	Approved []wireApproval          `json:"approvals"`
	Page     string                  `json:"page,omitzero"`    // where it is kept, in the console of this server: a path
	Pending  *wirePending            `json:"pending,omitzero"` // a revision that waits to be confirmed; until then nothing is imported
}

// planSide is a configuration: the one that there is, or the one that there
// would be.
type planSide struct {
	Revision int64  `json:"revision,omitzero"`
	Digest   string `json:"digest"`
}

// planSummary counts what a plan changes, in entities and fields.
type planSummary struct {
	Created int `json:"created"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
	Renamed int `json:"renamed"`
	Adopted int `json:"adopted"` // entities of the upload that were found by their names, under other ids
	Secrets int `json:"secrets"` // that are set, changed, removed or follow
}

func (s *Server) planSnapshot(w http.ResponseWriter, r *http.Request) error {
	in, err := s.readImport(w, r)
	if err != nil {
		return err
	}
	plans := s.Projects.Plan
	if in.Upload.Keep {
		plans = func(ctx context.Context, in project.Import) (*project.Plan, error) {
			return s.Projects.Propose(ctx, callerOf(ctx).Origin, in)
		}
	}
	plan, err := plans(r.Context(), in)
	if err != nil {
		return err
	}
	out := planOnWire(plan)
	if in.Upload.Keep && out.Digest != "" {
		out.Page = edge.PlanPage(in.Project, out.Digest)
	}
	if out.Approved, err = s.approvalsOnWire(r.Context(), plan.Approvals...); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, out)
}

func planOnWire(p *project.Plan) planAnswer {
	out := planAnswer{
		OK: !p.Failed(), Digest: digestOnWire(p.Digest), Changed: p.Changed,
		Base:    sideOnWire(p.Base),
		Result:  planSide{Digest: digestOnWire(p.Result)},
		Changes: p.Differences, Effects: p.Effects, Secrets: p.Secrets, Rebound: p.Rebound, Left: p.Left,
		Missing: missing(p.Missing), Pending: pendingOnWire(p.Pending),
	}
	out.Warnings, out.Details = snapshot.ByLevel(p.Problems)
	for _, r := range p.Rebound {
		if !r.New {
			out.Summary.Adopted++
		}
	}
	t := snapshot.TallyOf(p.Differences)
	out.Summary.Created, out.Summary.Changed, out.Summary.Removed, out.Summary.Renamed = t.Created, t.Changed, t.Removed, t.Renamed
	for _, secret := range p.Secrets {
		switch secret.State {
		case project.SecretSame, project.SecretMissing, project.SecretMoved:
		default:
			out.Summary.Secrets++
		}
	}
	return out
}

// digestOnWire writes a digest; one that there is not is blank.
func digestOnWire(d snapshot.Digest) string {
	if d == (snapshot.Digest{}) {
		return ""
	}
	return d.String()
}
