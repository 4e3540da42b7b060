package exchange

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/project"
	"postern/internal/safehttp"
	"postern/internal/secret"
	"postern/internal/user"
)

// person verifies a token, and returns whose it is.
func (s *Service) person(ctx context.Context, c *project.Config, m *project.Migration, token secret.Text) (*person, error) {
	who, err := s.ask(ctx, c, m, token)
	if err == nil {
		return who, nil
	}
	s.warn(ctx, c, err)
	if _, ok := errors.AsType[silence](err); ok {
		return nil, ErrSilence
	}
	return nil, ErrToken
}

func (s *Service) ask(ctx context.Context, c *project.Config, m *project.Migration, token secret.Text) (*person, error) {
	base := s.Bases[m.Vendor]
	if base == "" {
		base = m.Base
	}
	base = strings.TrimSuffix(base, "/")
	claims, err := s.claims(ctx, m, base, token)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	switch m.Vendor {
	case project.Auth0:
		fields, err = s.auth0(ctx, m, base, claims, token)
	case project.Okta:
		fields, err = s.okta(ctx, c, m, base, claims)
	default:
		err = fmt.Errorf("there is no service %q", m.Vendor)
	}
	if err != nil {
		return nil, err
	}
	verified := fields["email_verified"]
	return &person{fields, verified == true || verified == "true"}, nil // some services write it as a text
}

// auth0 returns the fields of a user of Auth0. With an audience the token is an access
// token for it, and the user is asked for; without one it is an ID token, which has the
// user in it.
func (s *Service) auth0(ctx context.Context, m *project.Migration, base string, claims map[string]any, token secret.Text) (map[string]any, error) {
	if m.Audience == "" {
		if !audience(claims, m.ClientID) {
			return nil, errors.New("it is for another client")
		}
		return claims, nil
	}
	if !audience(claims, m.Audience) || claims["azp"] != m.ClientID {
		return nil, errors.New("it is for another audience or another client")
	}
	about, err := s.get(ctx, base+"/userinfo", "Bearer "+token.Reveal())
	if err != nil {
		return nil, err
	}
	if about["sub"] != claims["sub"] { // OpenID Connect Core 1.0 §5.3.2
		return nil, errors.New("the service speaks of another user")
	}
	out := maps.Clone(claims)
	maps.Copy(out, about)
	return out, nil
}

// oktaMay are the states of a user of Okta who could sign in there.
var oktaMay = []any{"ACTIVE", "PASSWORD_EXPIRED", "RECOVERY", "PROVISIONED"}

// okta returns the fields of a user of Okta: those of the profile, over those of the
// token.
func (s *Service) okta(ctx context.Context, c *project.Config, m *project.Migration, base string, claims map[string]any) (map[string]any, error) {
	if of, ok := claims["cid"]; ok && of != m.ClientID || !ok && !audience(claims, m.ClientID) {
		return nil, errors.New("it is for another client")
	}
	id, _ := claims["uid"].(string) // of an access token, whose subject is a login
	if id == "" {
		id, _ = claims["sub"].(string)
	}
	if id == "" {
		return nil, errors.New("it is of nobody")
	}
	at, err := url.Parse(base)
	if err != nil {
		return nil, silence{safehttp.ErrURL}
	}
	key, err := s.Projects.SecretOf(ctx, c, "project", "project", "externalAuthConfig/okta/apiToken")
	if err != nil {
		return nil, silence{fmt.Errorf("the API token: %w", err)}
	}
	about, err := s.get(ctx, at.Scheme+"://"+at.Host+"/api/v1/users/"+url.PathEscape(id), "SSWS "+key.Reveal())
	if err != nil {
		return nil, err
	}
	if !slices.Contains(oktaMay, about["status"]) {
		return nil, fmt.Errorf("the user is %.40v there", about["status"])
	}
	out := maps.Clone(claims)
	profile, _ := about["profile"].(map[string]any)
	maps.Copy(out, profile)
	out["id"] = about["id"]
	return out, nil
}

// get asks a service about its user. It refuses a token that does not count with 401.
func (s *Service) get(ctx context.Context, target, authorization string) (map[string]any, error) {
	answer, err := s.HTTP.Do(ctx, safehttp.Request{URL: target, Headers: []safehttp.Header{
		{Name: "Authorization", Value: authorization}, {Name: "Accept", Value: "application/json"},
	}})
	switch {
	case err != nil:
		return nil, silence{err}
	case answer.Status >= 500 || answer.Status == 429:
		return nil, silence{fmt.Errorf("asked about a user, the service answered %d", answer.Status)}
	case answer.Status != 200:
		return nil, fmt.Errorf("asked about a user, the service answered %d", answer.Status)
	}
	out := map[string]any{}
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		return nil, silence{errors.New("what the service says of a user is no JSON object")}
	}
	return out, nil
}

// mapped is what the project says of a new user: fields of the person under their names
// here, which are those of the wire, or those of custom attributes. What the project
// does not have is left out.
func mapped(c *project.Config, m *project.Migration, who *person) user.Change {
	out := user.Change{Custom: map[string]any{}}
	texts := map[string]**string{
		"name": &out.Name, "displayName": &out.Name, "givenName": &out.GivenName, "middleName": &out.MiddleName, "familyName": &out.FamilyName,
		"picture": &out.Picture, "email": &out.Email, "phone": &out.Phone,
	}
	for _, pair := range m.Mapping {
		v, there := who.fields[pair.There]
		if !there || v == nil {
			continue
		}
		name := strings.TrimPrefix(pair.Here, "customAttributes.")
		if into, ok := texts[pair.Here]; ok {
			if text, ok := v.(string); ok {
				*into = &text
			}
			continue
		}
		if slices.ContainsFunc(c.Attributes.User, func(a project.Attribute) bool { return a.Name == name }) {
			out.Custom[name] = v
		}
	}
	return out
}

func lower(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
