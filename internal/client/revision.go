package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"postern/internal/signature"
	"postern/internal/snapshot"
)

// A Pending is a revision that goes back by itself unless it is confirmed.
type Pending struct {
	Revision   int64  `json:"revision"`
	GoesBackTo int64  `json:"goesBackTo"`
	At         int64  `json:"at"`               // Unix seconds
	Failure    string `json:"failure,omitzero"` // why it could not go back
}

// An Author is the key that made a revision.
type Author struct {
	ID   string `json:"id"`
	Name string `json:"name,omitzero"` // where the key still exists
}

// A Revision is one state of the configuration of a project.
type Revision struct {
	Number      int64             `json:"number"`
	Digest      string            `json:"digest"`
	Parent      int64             `json:"parent"`
	CreatedTime int64             `json:"createdTime"` // Unix seconds
	Author      Author            `json:"author"`
	Kind        string            `json:"kind"`
	Message     string            `json:"message"`
	Summary     string            `json:"summary"`
	Source      snapshot.Source   `json:"source"`
	Environment string            `json:"environment,omitzero"` // whose values its placeholders got
	SignedBy    *signature.Signer `json:"signedBy,omitzero"`    // whose signature the server found to fit
}

// A History is a page of revisions.
type History struct {
	Revisions []Revision `json:"revisions"` // the newest first
	More      bool       `json:"more"`
	Oldest    int64      `json:"oldest"` // those before it were collected
	Pending   *Pending   `json:"pending,omitzero"`
}

// Revisions lists the revisions before one, or from the head on for 0, as many
// as limit at most. Only our server knows this, and the calls that follow.
func (c *Client) Revisions(ctx context.Context, before int64, limit int) (*History, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if before > 0 {
		query.Set("before", strconv.FormatInt(before, 10))
	}
	out := &History{}
	return out, c.ask(ctx, http.MethodGet, "/v1/mgmt/project/revisions?"+query.Encode(), nil, out)
}

// A ShownRevision is one revision with what it changed.
type ShownRevision struct {
	Revision    Revision              `json:"revision"`
	Differences []snapshot.Difference `json:"differences"`
	ParentGone  bool                  `json:"parentCollected"`
	Pending     *Pending              `json:"pending,omitzero"`
}

// Revision returns one revision with what it changed.
func (c *Client) Revision(ctx context.Context, number int64) (*ShownRevision, error) {
	out := &ShownRevision{}
	return out, c.ask(ctx, http.MethodGet, "/v1/mgmt/project/revisions/"+strconv.FormatInt(number, 10), nil, out)
}

// A RollbackRequest is a wish to go back to a revision.
type RollbackRequest struct {
	Revision     int64           `json:"revision"`
	Message      string          `json:"message,omitzero"`
	Source       snapshot.Source `json:"source,omitzero"`
	Within       string          `json:"confirmWithin,omitzero"`
	ValidateOnly bool            `json:"validateOnly,omitzero"`
	Plan         string          `json:"plan,omitzero"`
	Weakening    []string        `json:"allowWeakening,omitempty"`
	// IfMatch is the digest of the revision that the project must be at.
	IfMatch string `json:"-"`
}

// A RollbackResult is what a rollback did or, where it was only validated, would
// do.
type RollbackResult struct {
	ImportResult
	CannotUndo  []string              `json:"cannotUndo"`
	OK          bool                  `json:"ok,omitzero"`
	Failures    []string              `json:"failures,omitempty"`
	Missing     MissingSecrets        `json:"missingSecrets,omitempty"`
	Differences []snapshot.Difference `json:"differences,omitempty"`
	Effects     []snapshot.Effect     `json:"effects,omitempty"` // of the rollback as a whole
	Plan        string                `json:"plan,omitzero"`     // its digest
	Approved    []Approval            `json:"approvals,omitempty"`
}

// Rollback makes the project what it was at a revision. One that is refused is
// an *Error with Details.
func (c *Client) Rollback(ctx context.Context, in RollbackRequest) (*RollbackResult, error) {
	res, err := c.call(ctx, http.MethodPost, "/v1/mgmt/project/rollback", document(in), ifMatch(in.IfMatch))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	out := &RollbackResult{}
	return out, c.read(res, out)
}

func ifMatch(digest string) http.Header {
	header := http.Header{}
	if digest != "" {
		header.Set("If-Match", `"`+digest+`"`)
	}
	return header
}

// A Confirmation is what became of a revision that waited.
type Confirmation struct {
	Revision  int64    `json:"revision"` // the head now
	Confirmed bool     `json:"confirmed"`
	Changes   []Change `json:"changes"`
}

// Confirm lets a revision stay, or takes it back at once.
func (c *Client) Confirm(ctx context.Context, revision int64, undo bool) (Confirmation, error) {
	var out Confirmation
	in := struct {
		Revision int64 `json:"revision"`
		Undo     bool  `json:"undo,omitzero"`
	}{revision, undo}
	err := c.ask(ctx, http.MethodPost, "/v1/mgmt/project/confirm", in, &out)
	return out, err
}

// RevokeSecrets destroys the older values of the secrets of an entity, and
// returns how many.
func (c *Client) RevokeSecrets(ctx context.Context, entity string) (int, error) {
	var out struct {
		Values int `json:"values"`
	}
	err := c.ask(ctx, http.MethodPost, "/v1/mgmt/project/secret/revoke", map[string]string{"id": entity}, &out)
	return out.Values, err
}
