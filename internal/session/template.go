package session

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/authz"
	"postern/internal/project"
)

// fillTemplate returns the claims of a template with the values of a user in the
// place of its macros. A value is never read as a macro again, and never ends the
// text that it is put into: the template is JSON, and filled as such.
func fillTemplate(t project.JWTTemplate, m minting, roles *authz.Roles) (map[string]any, error) {
	claims, err := t.Claims()
	if err != nil {
		return nil, fmt.Errorf("read JWT template %s: %w", t.ID, err)
	}
	values := macros(m, roles)
	out := map[string]any{}
	for name, v := range claims {
		filled := fill(v, values, t.EmptyClaimPolicy)
		if nothing(filled) && !nothing(v) {
			switch t.EmptyClaimPolicy {
			case "delete":
				continue
			case "nil":
				filled = nil
			}
		}
		out[name] = filled
	}
	return out, nil
}

// fill replaces the macros in a value.
func fill(v any, values map[string]any, empty string) any {
	switch v := v.(type) {
	case string:
		return expand(v, values)
	case []any:
		out := make([]any, 0, len(v))
		for _, one := range v {
			out = append(out, fill(one, values, empty))
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, one := range v {
			filled := fill(one, values, empty)
			if nothing(filled) && !nothing(one) {
				switch empty {
				case "delete":
					continue
				case "nil":
					filled = nil
				}
			}
			out[name] = filled
		}
		return out
	}
	return v
}

// expand replaces the macros in a text. One that is all of the text keeps the type
// of its value.
func expand(text string, values map[string]any) any {
	if inner, ok := strings.CutPrefix(text, "{{"); ok {
		if inner, ok := strings.CutSuffix(inner, "}}"); ok && !strings.Contains(inner, "{{") && !strings.Contains(inner, "}}") {
			v := lookup(inner, values)
			if v == nil {
				return ""
			}
			return v
		}
	}
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{{")
		inner, after, closed := strings.Cut(rest, "}}")
		if !ok || !closed {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(before)
		out.WriteString(plain(lookup(inner, values)))
		text = after
	}
}

// plain writes a value inside a text.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return ""
	}
	return string(b)
}

func lookup(macro string, values map[string]any) any {
	var v any = values
	for _, name := range path(macro) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// macros are the values that a template may name.
func macros(m minting, roles *authz.Roles) map[string]any {
	u := m.user
	login := ""
	if len(u.LoginIDs) > 0 {
		login = u.LoginIDs[0]
	}
	var tenants []string
	for _, in := range u.Tenants {
		tenants = append(tenants, in.Tenant)
	}
	return map[string]any{
		"user": map[string]any{
			"userId": u.ID, "id": u.ID, "loginId": login, "loginIds": u.LoginIDs, "name": u.Name, "displayName": u.Name,
			"givenName": u.GivenName, "middleName": u.MiddleName, "familyName": u.FamilyName,
			"email": u.Email, "verifiedEmail": u.VerifiedEmail, "phone": u.Phone, "verifiedPhone": u.VerifiedPhone,
			"picture": u.Picture, "status": string(u.Status), "test": u.Test, "createdTime": u.CreatedAt.Unix(),
			"customAttributes": u.Custom, "roles": roles.Names(u.Roles), "roleNames": roles.Names(u.Roles),
			"permissions": roles.Permissions(u.Roles), "tenants": tenants,
		},
		"project": map[string]any{"id": m.config.Project, "name": m.config.Name, "environment": m.config.Environment},
		"tenant":  map[string]any{"id": m.session.Tenant},
		"session": map[string]any{"id": m.session.ID},
	}
}
