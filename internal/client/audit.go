package client

import (
	"context"
	"net/http"
)

// An AuditSearch says which records of the audit are wanted.
type AuditSearch struct {
	From        int64    `json:"from,omitzero"` // Unix milliseconds
	To          int64    `json:"to,omitzero"`
	Actions     []string `json:"actions,omitempty"`
	ActorIDs    []string `json:"actorIds,omitempty"`
	Types       []string `json:"auditTypes,omitempty"` // "info", "warn", "error"
	Text        string   `json:"text,omitzero"`
	OldestFirst bool     `json:"oldestFirst,omitzero"`
	Size        int      `json:"size,omitzero"`
	Page        int      `json:"page,omitzero"` // from 0
}

// An AuditRecord is one thing that was done, or tried.
type AuditRecord struct {
	ID            string         `json:"ID"`
	ProjectID     string         `json:"projectId"`
	Action        string         `json:"action"`
	Occurred      string         `json:"occurred"` // Unix milliseconds
	RemoteAddress string         `json:"remoteAddress"`
	Data          map[string]any `json:"data"`
	Type          string         `json:"type"`
	ActorID       string         `json:"actorId"`
}

// SearchAudit returns one page of the audit of the project, and how many records
// there are in all.
func (c *Client) SearchAudit(ctx context.Context, in AuditSearch) ([]AuditRecord, int, error) {
	var out struct {
		Audits []AuditRecord `json:"audits"`
		Total  int           `json:"total"`
	}
	err := c.ask(ctx, http.MethodPost, "/v1/mgmt/audit/search", in, &out)
	return out.Audits, out.Total, err
}
