package client

import (
	"context"
	"net/http"

	"postern/internal/signature"
)

// A Policy is what imports and rollbacks may not do to a project.
type Policy struct {
	Protected     []string           `json:"protected"`     // exclude keys, and entities as "kind:name"
	MaxRemovals   *int               `json:"maxRemovals"`   // nil is any number
	Weakening     string             `json:"weakening"`     // what it takes to weaken security: "allow", "leave" or "approval"
	Signers       []signature.Signer `json:"signers"`       // the public keys that are trusted
	RequireSigned bool               `json:"requireSigned"` // nothing is taken that none of them signed
}

// Policy returns the policy of the project. Only our server knows this call, and
// the next.
func (c *Client) Policy(ctx context.Context) (Policy, error) {
	var out Policy
	err := c.ask(ctx, http.MethodGet, "/v1/mgmt/project/policy", nil, &out)
	return out, err
}

// SetPolicy replaces the policy of the project, and returns what it is then.
func (c *Client) SetPolicy(ctx context.Context, p Policy) (Policy, error) {
	var out Policy
	err := c.ask(ctx, http.MethodPut, "/v1/mgmt/project/policy", p, &out)
	return out, err
}
