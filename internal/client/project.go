package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"postern/internal/snapshot"
)

// A Project is one that the key may see.
type Project struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Environment string   `json:"environment"`
	Tags        []string `json:"tags"`
	DeletedTime int64    `json:"deletedTime,omitzero"` // Unix seconds; 0 for a project in use
	KeptUntil   int64    `json:"keptUntil,omitzero"`   // until when it can be brought back
	Pending     *Pending `json:"pending,omitzero"`     // where its head waits to be confirmed
}

// An Export is the configuration of a project.
type Export struct {
	Files    snapshot.Files
	Digest   string             // of the revision, to give to ImportRequest.IfMatch; may be empty
	Revision int64              // its number; 0 where the server does not say
	Problems []snapshot.Problem // files that the server sent and that cannot be read
}

// Export reads the configuration of the project at a revision, or as it is now
// for 0. Only our server knows older ones.
func (c *Client) Export(ctx context.Context, format snapshot.Format, revision int64) (*Export, error) {
	in := map[string]any{}
	if format != snapshot.FormatSplit {
		in["format"] = string(format)
	}
	if revision != 0 {
		in["revision"] = revision
	}
	res, err := c.call(ctx, http.MethodPost, "/v1/mgmt/project/snapshot/export", document(in), nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	// An export has the shape of an import's body.
	up, err := snapshot.Decode(io.LimitReader(res.Body, maxAnswer), maxFiles)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, c.foreign(res, "its answer is not an export")
	}
	digest := strings.Trim(strings.TrimPrefix(res.Header.Get("ETag"), "W/"), `"`)
	number, _ := strconv.ParseInt(res.Header.Get("Postern-Revision"), 10, 64) // only ours says it
	return &Export{Files: up.Files, Digest: digest, Revision: number, Problems: up.Problems}, nil
}

// An ImportRequest is a snapshot to apply or to validate.
type ImportRequest struct {
	Files      snapshot.Files
	Excludes   []string
	Secrets    []snapshot.InputSecret
	Strict     bool
	AllowMoved bool
	// AllowWeakening are the codes of risks that are meant.
	AllowWeakening []string
	Message        string
	Source         snapshot.Source // where the files come from
	Within         string          // how long to wait for a confirmation, as "10m"; blank for not at all
	Plan           string          // the digest of the plan that this must be
	Environment    string          // whose values the placeholders in the files get
	Key            string          // the same request with the same key is one import
	Keep           bool            // for Plan: it is kept for somebody else to look at
	Base           int64           // for Drift: the revision that the files come from; 0 where it is not known
	// IfMatch is the digest of the revision that the project must be at.
	IfMatch string
}

// A Change is one thing that an import changed.
type Change struct {
	Section string `json:"section"`
	File    string `json:"file"`
	Action  string `json:"action"`
}

// An ImportResult is what an import did. Servers that are not ours say nothing.
type ImportResult struct {
	Revision int64              `json:"revision"`
	Digest   string             `json:"digest"`
	Changed  bool               `json:"changed"`
	Changes  []Change           `json:"changes"`
	Warnings []snapshot.Problem `json:"warnings"`
	Pending  *Pending           `json:"pending,omitzero"`
}

// A Validation is what is wrong with a snapshot.
type Validation struct {
	OK       bool               `json:"ok"`
	Failures []string           `json:"failures"`
	Missing  MissingSecrets     `json:"missingSecrets"`
	Details  []snapshot.Problem `json:"details"`
}

// A MissingSecret is one that an import needs.
type MissingSecret struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// MissingSecrets are those that an import needs, by the group of their entity:
// "connectors", "oauthProviders", "outboundApps".
type MissingSecrets map[string][]MissingSecret

// Count returns how many secrets are missing.
func (m MissingSecrets) Count() int {
	n := 0
	for _, list := range m {
		n += len(list)
	}
	return n
}

// Import makes the snapshot the configuration of the project. One that is
// refused is an *Error with Details.
func (c *Client) Import(ctx context.Context, in *ImportRequest) (*ImportResult, error) {
	header := ifMatch(in.IfMatch)
	if in.Key != "" {
		header.Set("Idempotency-Key", in.Key)
	}
	res, err := c.call(ctx, http.MethodPost, "/v1/mgmt/project/snapshot/import", in.body, header)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	out := &ImportResult{}
	return out, c.read(res, out)
}

// Imported says what an import with a key did, to somebody whose connection was
// cut. Only our server knows this call.
func (c *Client) Imported(ctx context.Context, key string) (*ImportResult, error) {
	var out struct {
		Import ImportResult `json:"import"`
	}
	err := c.ask(ctx, http.MethodGet, "/v1/mgmt/project/imports/"+url.PathEscape(key), nil, &out)
	return &out.Import, err
}

// Validate says what Import would find wrong, and changes nothing.
func (c *Client) Validate(ctx context.Context, in *ImportRequest) (*Validation, error) {
	res, err := c.call(ctx, http.MethodPost, "/v1/mgmt/project/snapshot/validate", in.body, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	out := &Validation{}
	return out, c.read(res, out)
}

// body writes the request on the wire. Secrets are in clear there.
func (in *ImportRequest) body(w io.Writer) error {
	return snapshot.WriteBody(w, in.Files, struct {
		Excludes    []string                `json:"excludes,omitempty"`
		Secrets     map[string][]wireSecret `json:"inputSecrets,omitempty"`
		Strict      bool                    `json:"strict,omitzero"`
		AllowMoved  bool                    `json:"allowMovedSecrets,omitzero"`
		Weakening   []string                `json:"allowWeakening,omitempty"`
		Message     string                  `json:"message,omitempty"`
		Source      snapshot.Source         `json:"source,omitzero"`
		Within      string                  `json:"confirmWithin,omitzero"`
		Plan        string                  `json:"plan,omitzero"`
		Keep        bool                    `json:"keep,omitzero"`
		Base        int64                   `json:"base,omitzero"`
		Environment string                  `json:"environment,omitzero"`
	}{in.Excludes, wireSecrets(in.Secrets), in.Strict, in.AllowMoved, in.AllowWeakening, in.Message, in.Source, in.Within, in.Plan, in.Keep, in.Base, in.Environment})
}

type wireSecret struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

func wireSecrets(list []snapshot.InputSecret) map[string][]wireSecret {
	groups := map[string][]wireSecret{}
	for _, s := range list {
		groups[s.Group] = append(groups[s.Group], wireSecret{ID: s.ID, Name: s.Name, Type: s.Type, Value: s.Value.Reveal()})
	}
	return groups
}

// Projects lists the projects that the key may see.
func (c *Client) Projects(ctx context.Context) ([]Project, error) {
	var out struct {
		Projects []Project `json:"projects"`
	}
	err := c.ask(ctx, http.MethodPost, "/v1/mgmt/projects/list", struct{}{}, &out)
	return out.Projects, err
}

// Deleted lists the projects that can be brought back. Only our server knows
// this.
func (c *Client) Deleted(ctx context.Context) ([]Project, error) {
	var out struct {
		Projects []Project `json:"projects"`
	}
	err := c.ask(ctx, http.MethodPost, "/v1/mgmt/projects/list", map[string]bool{"deleted": true}, &out)
	return out.Projects, err
}

// Undelete brings the project with the given id back. Only our server knows this
// call.
func (c *Client) Undelete(ctx context.Context, id string) (Project, error) {
	return c.make(ctx, "/v1/mgmt/project/undelete", map[string]string{"projectId": id})
}

// A Rotation is what a rotation of the data key of a project did.
type Rotation struct {
	Version int64 `json:"keyVersion"`
	Secrets int   `json:"secrets"`
}

// RotateKey seals every secret of the project with a new data key. Only our
// server knows this call.
func (c *Client) RotateKey(ctx context.Context) (Rotation, error) {
	var out Rotation
	err := c.ask(ctx, http.MethodPost, "/v1/mgmt/project/key/rotate", struct{}{}, &out)
	return out, err
}

// NewProject is what a project is made of.
type NewProject struct {
	Name        string   `json:"name"`
	Environment string   `json:"environment,omitzero"`
	Tags        []string `json:"tags,omitempty"`
}

// Create makes an empty project. Only our server knows this call.
func (c *Client) Create(ctx context.Context, in NewProject) (Project, error) {
	return c.make(ctx, "/v1/mgmt/project/create", in)
}

// Clone makes a copy of the project.
func (c *Client) Clone(ctx context.Context, in NewProject) (Project, error) {
	return c.make(ctx, "/v1/mgmt/project/clone", in)
}

func (c *Client) make(ctx context.Context, path string, in any) (Project, error) {
	var out struct {
		ProjectID   string   `json:"projectId"`
		ProjectName string   `json:"projectName"`
		Environment string   `json:"environment"`
		Tags        []string `json:"tags"`
	}
	err := c.ask(ctx, http.MethodPost, path, in, &out)
	return Project{ID: out.ProjectID, Name: out.ProjectName, Environment: out.Environment, Tags: out.Tags}, err
}

// Delete deletes the project.
func (c *Client) Delete(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, "/v1/mgmt/project/delete", struct{}{}, nil)
}
