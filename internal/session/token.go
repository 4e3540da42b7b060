package session

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
)

// The two tokens, as the claim drn tells them apart.
const (
	drnSession = "DS"
	drnRefresh = "DSR"
)

// leeway is how far the clocks of servers and clients may be apart.
const leeway = 5 * time.Second

// A bearer is what the server reads of a token that is shown to it.
type bearer struct {
	Issuer     string `json:"iss"`
	Subject    string `json:"sub"`
	Own        string `json:"dsub"` // the user, where a template set the subject
	IssuedAt   int64  `json:"iat"`
	Expires    int64  `json:"exp"`
	NotBefore  int64  `json:"nbf"` // none of ours has it
	Kind       string `json:"drn"`
	Session    string `json:"sid"`
	Generation int64  `json:"gen"`
	StepUp     bool   `json:"su"`
	Device     string `json:"did"` // of the token that a trusted device keeps

	payload []byte
}

// read verifies a token of one kind, or of either where kind is empty: that a key of the project signed it, that it
// is of this project, and that it has not ended. What is wrong is not told.
func (s *Service) read(ctx context.Context, c *project.Config, token secret.Text, kind string) (bearer, *key.Ring, error) {
	payload, ring, err := s.Keys.Verify(ctx, c.Project, token.Reveal())
	if err != nil {
		return bearer{}, nil, err
	}
	var b bearer
	if err := json.Unmarshal(payload, &b); err != nil {
		return bearer{}, nil, key.ErrToken
	}
	b.payload = payload
	now := time.Now()
	switch {
	case kind != "" && b.Kind != kind, b.Kind != drnSession && b.Kind != drnRefresh, b.Session == "" && b.Kind == drnRefresh, b.Expires == 0:
		return bearer{}, nil, key.ErrToken // that of an access key has no session
	case now.Unix() >= b.Expires, max(b.IssuedAt, b.NotBefore) > now.Add(leeway).Unix():
		return bearer{}, nil, key.ErrToken
	case !s.ours(c, b.Issuer):
		return bearer{}, nil, key.ErrToken
	}
	return b, ring, nil
}

// ours reports whether an issuer is one of the project's. Where the template
// insists, it is the one that new tokens get, and else any of the project's.
func (s *Service) ours(c *project.Config, issuer string) bool {
	if issuer == c.Project {
		t, ok := template(c)
		return !ok || !t.EnforceIssuer || !t.ConformanceIssuer
	}
	base, ok := strings.CutSuffix(issuer, "/v1/apps/"+c.Project)
	if !ok {
		return false
	}
	if t, ok := template(c); ok && t.EnforceIssuer {
		return t.ConformanceIssuer && (s.PublicURL == "" || base == s.PublicURL)
	}
	return true
}

// issuer returns the issuer of new tokens. base is the URL that the request came
// to, for a server that was not told its own.
func (s *Service) issuer(c *project.Config, t project.JWTTemplate, base string) string {
	if s.PublicURL == "" && base == "" || !t.ConformanceIssuer {
		return c.Project
	}
	return s.IssuerURL(c.Project, base)
}

// IssuerURL returns the issuer of a project as OpenID Connect wants it, a URL.
func (s *Service) IssuerURL(project, base string) string { return s.Base(base) + "/v1/apps/" + project }

// Base returns the URL of the server without a slash at the end: what it was told,
// or else where a request came to.
func (s *Service) Base(requested string) string {
	if s.PublicURL != "" {
		return s.PublicURL
	}
	return strings.TrimSuffix(requested, "/")
}

// template returns the template of the tokens of users.
func template(c *project.Config) (project.JWTTemplate, bool) {
	t, ok := c.JWTTemplates[c.Settings.UserTemplate]
	if !ok || t.Type == "key" {
		return project.JWTTemplate{}, false
	}
	return t, true
}

// Validate returns the claims of a session token that counts now: its session, where
// it has one, has neither ended nor expired. (Who verifies tokens by the public keys
// alone does not learn that, and takes one until its exp.)
func (s *Service) Validate(ctx context.Context, c *project.Config, token secret.Text) (map[string]any, error) {
	b, _, err := s.read(ctx, c, token, drnSession)
	if err != nil {
		return nil, err
	}
	if b.Session != "" {
		var sess *Session
		err := s.DB.One(ctx, func(row store.Scanner) error { sess, err = scan(row); return err }, one, c.Project, b.Session)
		if err := noSession(err); err != nil {
			return nil, err
		}
		if !sess.EndedAt.IsZero() {
			return nil, ErrEnded
		}
	}
	claims := map[string]any{}
	return claims, json.Unmarshal(b.payload, &claims)
}

// sign makes a token of claims; with is a method of a ring.
func sign(with func([]byte) (string, error), claims any) (secret.Text, error) {
	payload, err := json.Marshal(claims, json.Deterministic(true))
	if err != nil {
		return secret.Text{}, fmt.Errorf("write claims: %w", err)
	}
	token, err := with(payload)
	return secret.New(token), err
}
