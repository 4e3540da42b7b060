package session

import (
	"maps"
	"slices"
	"strings"

	"postern/internal/authz"
	"postern/internal/ident"
)

// reserved reports whether a claim is the server's to say: no template and no
// request sets it.
func reserved(claim string) bool {
	switch claim {
	case "iss", "sub", "dsub", "aud", "exp", "nbf", "iat", "jti", "drn", "amr", "sid", "gen", "su", "act", "cnf", "nsec",
		"roles", "permissions", "tenants", "dct":
		return true
	}
	return false
}

// fromTemplate are the reserved claims that a template may set all the same.
func fromTemplate(claim string, overrideSubject bool) bool {
	return claim == "aud" || claim == "sub" && overrideSubject || !reserved(claim)
}

// claims returns those of a session token, but for its end. What was asked for
// comes first, then the template, then what nobody may change.
func (s *Service) claims(m minting) (map[string]any, error) {
	sess, u := m.session, m.user
	out := map[string]any{}
	maps.Copy(out, sess.Extra.Trusted)
	if len(sess.Extra.Untrusted) > 0 {
		out["nsec"] = sess.Extra.Untrusted
	}
	roles := authz.Of(m.config)
	t, ok := template(m.config)
	if !ok {
		t.AuthSchema = "default"
	}
	subject := u.ID
	if ok {
		templated, err := fillTemplate(t, m, roles)
		if err != nil {
			return nil, err
		}
		for name, v := range templated {
			if fromTemplate(name, t.OverrideSubject) {
				out[name] = v
			}
		}
		if own, is := out["sub"].(string); t.OverrideSubject {
			out["dsub"] = u.ID
			if is && own != "" {
				subject = own
			}
		}
		if t.AddJTI {
			out["jti"] = ident.New("J")
		}
	}
	out["iss"], out["sub"], out["iat"], out["drn"] = s.issuer(m.config, m.base), subject, m.now.Unix(), drnSession
	out["amr"], out["sid"] = slices.Clone(sess.AMR), sess.ID
	if m.stepUp {
		out["su"] = true
	}
	if sess.Extra.Actor != "" {
		out["act"] = map[string]any{"sub": sess.Extra.Actor}
	}
	dct := sess.Tenant
	if dct == "" && t.AutoDCT && len(u.Tenants) == 1 {
		dct = u.Tenants[0].Tenant
	}
	if _, in := u.In(dct); dct != "" && in {
		out["dct"] = dct
	} else {
		dct = ""
	}
	authorize(out, t.AuthSchema, !t.ExcludePermissions, m, roles, dct)
	return out, nil
}

// authorize adds roles and permissions, as far as the template lets them in.
func authorize(out map[string]any, schema string, permissions bool, m minting, roles *authz.Roles, dct string) {
	put := func(into map[string]any, ids []string) {
		if names := roles.Names(ids); len(names) > 0 {
			into["roles"] = names
		}
		if names := roles.Permissions(ids); permissions && len(names) > 0 {
			into["permissions"] = names
		}
	}
	switch schema {
	case "none":
	case "tenantOnly": // those of the current tenant stand where else those of the project do
		if own, ok := m.user.In(dct); ok {
			put(out, own.Roles)
		}
	default:
		put(out, m.user.Roles)
		tenants := map[string]any{}
		for _, in := range m.user.Tenants {
			one := map[string]any{}
			put(one, in.Roles)
			tenants[in.Tenant] = one
		}
		out["tenants"] = tenants
	}
}

// nothing reports whether a value is none.
func nothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case []string:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// path splits the name in a macro: "user.customAttributes.tier".
func path(macro string) []string { return strings.Split(strings.TrimSpace(macro), ".") }
