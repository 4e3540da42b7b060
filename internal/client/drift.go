package client

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// A Drift is how files and a project differ.
type Drift struct {
	State    string             `json:"state"` // "in-sync", "ahead", "behind" or "diverged"; blank where the files would be refused
	Base     PlanSide           `json:"base"`  // the revision that the files come from
	Head     PlanSide           `json:"head"`
	Fields   []Drifted          `json:"fields"`
	Secrets  []DriftedSecret    `json:"secrets"`
	Warnings []snapshot.Problem `json:"warnings"`
	Details  []snapshot.Problem `json:"details"` // the errors that would refuse an import
	Missing  MissingSecrets     `json:"missingSecrets"`
	Pending  *Pending           `json:"pending,omitzero"`
}

// A Drifted is one thing in which files and project differ: a field, or a whole
// entity or file. The three values are there for a field that is no list and no
// secret, each where there is one.
type Drifted struct {
	Section   string                `json:"section,omitempty"`
	File      string                `json:"file"`
	Kind      string                `json:"kind,omitempty"`
	ID        string                `json:"id,omitempty"`
	Name      string                `json:"name,omitempty"`
	Field     string                `json:"field,omitempty"`
	Label     string                `json:"label,omitempty"`
	Side      string                `json:"changedIn"` // "files", "server" or "both"
	Hidden    bool                  `json:"hidden,omitzero"`
	Base      jsontext.Value        `json:"inBase,omitzero"`
	Files     jsontext.Value        `json:"inFiles,omitzero"`
	Server    jsontext.Value        `json:"onServer,omitzero"`
	FilesDid  []snapshot.Difference `json:"filesDid"`
	ServerDid []snapshot.Difference `json:"serverDid"`
	By        *Revision             `json:"by,omitzero"` // the last revision that changed it on the server
	Action    snapshot.Action       `json:"importWould"`
}

// A DriftedSecret is a secret, without its value.
type DriftedSecret struct {
	Kind  string    `json:"kind"`
	ID    string    `json:"id"`
	Name  string    `json:"name,omitzero"`
	Field string    `json:"field"`
	State string    `json:"state"` // as in a plan
	Side  string    `json:"changedIn"`
	By    *Revision `json:"by,omitzero"`
}

// Drift says how files and the project differ, seen from the revision in
// ImportRequest.Base, and changes nothing. Where that is 0 the server looks for
// one that is what the files are now. Only our server knows this call.
func (c *Client) Drift(ctx context.Context, in *ImportRequest) (*Drift, error) {
	res, err := c.call(ctx, http.MethodPost, "/v1/mgmt/project/drift", in.body, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	out := &Drift{}
	return out, c.read(res, out)
}
