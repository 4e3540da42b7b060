package client

import (
	"context"
	"net/http"

	"postern/internal/snapshot"
)

// A Plan is what an import would do.
type Plan struct {
	OK       bool                  `json:"ok"`
	Digest   string                `json:"digest"` // to give to ImportRequest.Plan; blank where the import would be refused for more than an approval
	Base     PlanSide              `json:"base"`
	Result   PlanSide              `json:"result"`
	Changed  bool                  `json:"changed"`
	Summary  PlanSummary           `json:"summary"`
	Changes  []snapshot.Difference `json:"changes"`
	Effects  []snapshot.Effect     `json:"effects"` // of the plan as a whole; each change has its own
	Secrets  []PlannedSecret       `json:"secrets"`
	Rebound  []snapshot.Rebound    `json:"rebound"`
	Left     snapshot.Left         `json:"left"` // what stays as it is, as it was not brought
	Warnings []snapshot.Problem    `json:"warnings"`
	Details  []snapshot.Problem    `json:"details"`
	Missing  MissingSecrets        `json:"missingSecrets"`
	Approved []Approval            `json:"approvals"`
	Page     string                `json:"page,omitzero"`    // where it is kept, in the console of the server: a path
	Pending  *Pending              `json:"pending,omitzero"` // what waits to be confirmed; until then nothing is imported
}

// A PlanSide is a configuration before or after.
type PlanSide struct {
	Revision int64  `json:"revision,omitzero"`
	Digest   string `json:"digest"`
}

// A PlanSummary counts what a plan changes.
type PlanSummary struct {
	Created int `json:"created"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
	Renamed int `json:"renamed"`
	Adopted int `json:"adopted"`
	Secrets int `json:"secrets"`
}

// A PlannedSecret is what becomes of a secret: "same", "set", "changes",
// "unknown", "follows", "removed", "missing" or "moved".
type PlannedSecret struct {
	Kind  string `json:"kind"`
	ID    string `json:"id"`
	Name  string `json:"name,omitzero"`
	Field string `json:"field"`
	Group string `json:"group,omitzero"` // as in MissingSecrets
	Type  string `json:"type,omitzero"`
	State string `json:"state"`
}

// Plan says what Import would do, and changes nothing. Only our server knows
// this call.
func (c *Client) Plan(ctx context.Context, in *ImportRequest) (*Plan, error) {
	res, err := c.call(ctx, http.MethodPost, "/v1/mgmt/project/snapshot/plan", in.body, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	out := &Plan{}
	return out, c.read(res, out)
}

// An Approval is leave to import a plan, by another key than the one that imports.
type Approval struct {
	By          Author `json:"by"`
	CreatedTime int64  `json:"createdTime"` // Unix seconds
	Until       int64  `json:"until"`       // Unix seconds
}

// Approve approves the plan with a digest. Only our server knows this call.
func (c *Client) Approve(ctx context.Context, plan string) (Approval, error) {
	var out Approval
	err := c.ask(ctx, http.MethodPost, "/v1/mgmt/project/plan/approve", map[string]string{"plan": plan}, &out)
	return out, err
}
