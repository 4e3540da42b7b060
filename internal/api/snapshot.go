package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// missingSecrets is what a snapshot lacks, in the shape that clients write
// their template from. Lists are never null.
type missingSecrets struct {
	Connectors     []snapshot.MissingSecret `json:"connectors"`
	OAuthProviders []snapshot.MissingSecret `json:"oauthProviders"`
	OutboundApps   []snapshot.MissingSecret `json:"outboundApps"`
	ExternalAuth   []snapshot.MissingSecret `json:"externalAuth,omitempty"`
}

func missing(list []snapshot.MissingSecret) *missingSecrets {
	out := &missingSecrets{
		Connectors: []snapshot.MissingSecret{}, OAuthProviders: []snapshot.MissingSecret{}, OutboundApps: []snapshot.MissingSecret{},
	}
	groups := map[string]*[]snapshot.MissingSecret{
		"connectors": &out.Connectors, "oauthProviders": &out.OAuthProviders, "outboundApps": &out.OutboundApps, "externalAuth": &out.ExternalAuth,
	}
	for _, m := range list {
		if group := groups[m.Group]; group != nil {
			*group = append(*group, m)
		}
	}
	return out
}

// readImport reads what imports and validations carry.
func (s *Server) readImport(w http.ResponseWriter, r *http.Request) (project.Import, error) {
	body, err := readBody(w, r, s.Limits.body())
	if err != nil {
		return project.Import{}, err
	}
	c := callerOf(r.Context())
	up, err := s.Projects.Decode(body, c.Project, s.Limits.files())
	if err != nil {
		return project.Import{}, err
	}
	if up.AllowMoved && c.Key.RoleIn(c.Project) < mgmtkey.Admin {
		return project.Import{}, mgmtkey.ErrTooWeak.WithMessage("only an admin key may use allowMovedSecrets")
	}
	return project.Import{Project: c.Project, Upload: up, Asker: c.Origin.Actor, IfMatch: etag(r.Header.Get("If-Match"))}, nil
}

// etag reads one entity tag (RFC 9110 §8.8.3). "*" and no header match anything;
// a tag of no letters matches nothing.
func etag(header string) string {
	header = strings.TrimSpace(header)
	if header == "*" {
		return ""
	}
	if tag := strings.Trim(strings.TrimPrefix(header, "W/"), `"`); tag != "" {
		return tag
	}
	return header
}

// idempotencyKey is the key of a request that may be sent again, with quotes or
// without (draft-ietf-httpapi-idempotency-key-header).
func idempotencyKey(r *http.Request) string {
	return strings.Trim(strings.TrimSpace(r.Header.Get("Idempotency-Key")), `"`)
}

type importedRequest struct {
	Key string `json:"key"`
}

// query takes the key from the path.
func (q *importedRequest) query(r *http.Request) error { //nolint:unparam // others fail
	q.Key = r.PathValue("key")
	return nil
}

// importedAnswer is what an import with a key did.
type importedAnswer struct {
	Import      importAnswer `json:"import"`      // what it answered, or would have
	CreatedTime int64        `json:"createdTime"` // Unix seconds
}

func (s *Server) imported(ctx context.Context, in *importedRequest) (*importedAnswer, error) {
	done, err := s.Projects.Imported(ctx, callerOf(ctx).Project, in.Key)
	if err != nil {
		return nil, err
	}
	return &importedAnswer{importOnWire(&done.Result), done.At.Unix()}, nil
}

func importOnWire(res *project.Result) importAnswer {
	return importAnswer{
		Revision: res.Revision, Digest: res.Digest.String(), Changed: res.Changed, Changes: res.Changes, Warnings: res.Warnings, Pending: pendingOnWire(res.Pending),
	}
}

type importAnswer struct {
	Revision int64              `json:"revision"`
	Digest   string             `json:"digest"`
	Changed  bool               `json:"changed"`
	Changes  []snapshot.Change  `json:"changes"`
	Warnings []snapshot.Problem `json:"warnings"`
	Pending  *wirePending       `json:"pending,omitzero"` // where it goes back by itself unless it is confirmed
}

func (s *Server) importSnapshot(w http.ResponseWriter, r *http.Request) error {
	in, err := s.readImport(w, r)
	if err != nil {
		return err
	}
	in.Key = idempotencyKey(r)
	res, err := s.Projects.Import(r.Context(), callerOf(r.Context()).Origin, in)
	if err != nil {
		return err
	}
	if res.Repeated {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	out := importOnWire(res)
	w.Header().Set("ETag", `"`+out.Digest+`"`)
	return writeJSON(w, http.StatusOK, out)
}

type validateAnswer struct {
	OK       bool               `json:"ok"`
	Failures []string           `json:"failures"`
	Missing  *missingSecrets    `json:"missingSecrets"`
	Details  []snapshot.Problem `json:"details"`
}

func (s *Server) validateSnapshot(w http.ResponseWriter, r *http.Request) error {
	in, err := s.readImport(w, r)
	if err != nil {
		return err
	}
	report, err := s.Projects.Validate(r.Context(), in)
	if err != nil {
		return err
	}
	out := validateAnswer{OK: !report.Failed(), Failures: failures(report.Problems, 0), Missing: missing(report.Missing), Details: report.Problems}
	return writeJSON(w, http.StatusOK, out)
}

func (s *Server) exportSnapshot(w http.ResponseWriter, r *http.Request) error {
	var in exportRequest
	b, err := readSmall(w, r)
	if err != nil {
		return err
	}
	if len(b) > 0 {
		if err := decode(b, &in); err != nil {
			return err
		}
	}
	format, err := snapshot.ParseFormat(in.Format)
	if err != nil {
		return err
	}
	if in.Revision < 0 {
		return project.ErrNoRevision
	}
	files, rev, err := s.Projects.ExportRevision(r.Context(), callerOf(r.Context()).Project, int64(in.Revision), format)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", `"`+rev.Digest.String()+`"`)
	w.Header().Set("Postern-Revision", strconv.FormatInt(rev.Number, 10))
	if err := snapshot.WriteBody(w, files, nil); err != nil {
		// The status is out already. Half an export must not look like a whole one.
		s.logOf(w, r).InfoContext(r.Context(), "export not written to its end", "err", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
