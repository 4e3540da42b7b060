package client

import (
	"context"
	"net/http"

	"postern/internal/secret"
)

// A Key is a management key, without its secret part.
type Key struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Description  string   `json:"description"`
	Status       string   `json:"status"`
	CreatedTime  int64    `json:"createdTime"` // Unix seconds
	ExpireTime   int64    `json:"expireTime"`  // Unix seconds; 0 for never
	PermittedIPs []string `json:"permittedIps"`
	Access       Access   `json:"reBac"`
}

// Access is what a key may do, and where.
type Access struct {
	Company  []string      `json:"companyRoles,omitempty"`
	Projects []ProjectRole `json:"projectRoles,omitempty"`
}

// A ProjectRole gives roles in some projects.
type ProjectRole struct {
	Projects []string `json:"projectIds"`
	Roles    []string `json:"roles"`
}

// NewKey is what a key is made of.
type NewKey struct {
	Name         string   `json:"name"`
	Description  string   `json:"description,omitzero"`
	ExpireTime   int64    `json:"expireTime,omitzero"`
	PermittedIPs []string `json:"permittedIps,omitempty"`
	Access       Access   `json:"reBac"`
}

// CreateKey makes a management key and returns its cleartext, which nothing can
// bring back later.
func (c *Client) CreateKey(ctx context.Context, in NewKey) (Key, secret.Text, error) {
	var out struct {
		Cleartext string `json:"cleartext"`
		Key       Key    `json:"key"`
	}
	err := c.ask(ctx, http.MethodPut, "/v1/mgmt/managementkey", in, &out)
	return out.Key, secret.New(out.Cleartext), err
}

// Keys lists the management keys.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	var out struct {
		Keys []Key `json:"keys"`
	}
	err := c.ask(ctx, http.MethodGet, "/v1/mgmt/managementkey/search", nil, &out)
	return out.Keys, err
}

// DeleteKeys revokes management keys, and returns how many there were.
func (c *Client) DeleteKeys(ctx context.Context, ids ...string) (int, error) {
	var out struct {
		Total int `json:"total"`
	}
	err := c.ask(ctx, http.MethodPost, "/v1/mgmt/managementkey/delete", map[string][]string{"ids": ids}, &out)
	return out.Total, err
}
