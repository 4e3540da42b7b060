package infra

import (
	"reflect"
	"slices"
	"strings"

	"postern/internal/snapshot"
)

// A rule is what the data must not say although a snapshot may: the wire
// refuses it. It reads the parts of the data at a path, in which "*" is any
// name.
type rule struct {
	at    string
	check func(w *writer, pointer string, v any)
}

var rules = []rule{
	{"/settings/trustedDomains", trustedDomains},
	{"/settings/externalAuthConfig", sessionMigration},
	{"/settings/userTemplateId", templateOf("user")},
	{"/settings/keyTemplateId", templateOf("key")},
	{"/authentication/sso", hiddenMappings},
	{"/authentication/oauth/providerSettings/*", oauthProvider},
}

type match struct {
	pointer string
	value   any
}

// matches returns the parts of the data at a path.
func matches(data map[string]any, path string) []match {
	found := []match{{root, data}}
	for seg := range strings.SplitSeq(path[1:], "/") {
		var next []match
		for _, m := range found {
			obj, _ := m.value.(map[string]any)
			for _, k := range sortedKeys(obj) {
				if (seg == "*" || seg == k) && obj[k] != nil {
					next = append(next, match{m.pointer + "/" + escape(k), obj[k]})
				}
			}
		}
		found = next
	}
	return found
}

func trustedDomains(w *writer, pointer string, v any) {
	if s, _ := v.(string); snapshot.BlankDomain(s) {
		w.breach(pointer, "must not have a blank domain")
	}
}

// vendors are the outside services whose sessions can be taken over, with the
// members that only another one has.
var vendors = map[string][]string{"auth0": {"issuer", "apiToken"}, "okta": {"domain", "audience"}}

func sessionMigration(w *writer, pointer string, v any) {
	obj, _ := v.(map[string]any)
	var named []string
	for _, vendor := range sortedKeys(vendors) {
		settings, _ := obj[vendor].(map[string]any)
		if settings == nil {
			continue
		}
		named = append(named, vendor)
		for _, k := range vendors[vendor] {
			if settings[k] != nil && settings[k] != "" {
				w.breach(pointer+"/"+vendor+"/"+k, "must not be there: %s has none", vendor)
			}
		}
	}
	if len(named) != 1 {
		w.breach(pointer, "must have exactly one of auth0 and okta")
	}
	if list, _ := obj["loginIdExternalUserSources"].([]any); len(list) == 0 {
		w.breach(pointer+"/loginIdExternalUserSources", "must have at least one item")
	}
}

// templateOf refuses a JWT template of the other kind.
func templateOf(kind string) func(*writer, string, any) {
	return func(w *writer, pointer string, v any) {
		id, _ := v.(string)
		for _, a := range areas {
			l, ok := a.shape.(list)
			if !ok || l.kind != "jwtTemplate" || l.tagged == kind {
				continue
			}
			doc := w.out[l.file]
			if doc == nil {
				doc = w.was(l.file)
			}
			if entry(l.stored(doc), "id", id) != nil {
				w.breach(pointer, "must be a template for the tokens of a %s; this one is for those of a %s", kind, l.tagged)
			}
		}
	}
}

func hiddenMappings(w *writer, pointer string, v any) {
	obj, _ := v.(map[string]any)
	for _, k := range []string{"hideSsoSuiteRoleMapping", "hideSsoSuiteFgaMapping"} {
		if obj["hideSsoSuiteGroupsMapping"] == true && obj[k] == true {
			w.breach(pointer+"/"+k, "must be false where hideSsoSuiteGroupsMapping is true, which hides it too")
		}
	}
}

// ofCustom are members of custom providers: those of a system provider are not
// the client's to set.
var ofCustom = []string{
	"description", "logo", "issuer", "authUrl", "tokenUrl", "userDataUrl", "jwksUrl", "useClientAssertion",
}

// ofOwnAccount are members that a system provider has only with an account of
// the project's own.
var ofOwnAccount = []string{"scopes", "manageProviderTokens", "callbackDomain"}

func oauthProvider(w *writer, pointer string, v any) {
	obj, ok := v.(map[string]any)
	if !ok {
		return // the schema says so
	}
	name := unescape(pointer[strings.LastIndexByte(pointer, '/')+1:])
	if !snapshot.Builtin("oauthProvider", name) {
		customProvider(w, pointer, obj)
		return
	}
	if obj["custom"] == true {
		w.breach(pointer, "%q is the name of a system provider, which no custom one may have", name)
		return
	}
	was := storedProvider(w, name)
	for _, k := range ofCustom {
		if v, there := obj[k]; there && !blank(v) && !reflect.DeepEqual(v, was[k]) {
			w.breach(pointer+"/"+k, "must not be set: it is the system provider's own")
		}
	}
	if blank(obj["clientId"]) && blank(was["clientId"]) {
		for _, k := range ofOwnAccount {
			if !blank(obj[k]) {
				w.breach(pointer+"/"+k, "must not be set without clientId")
			}
		}
	}
	if !blank(obj["clientSecret"]) && obj["appleKeyGenerator"] != nil {
		w.breach(pointer+"/appleKeyGenerator", "must not be there beside clientSecret")
	}
}

func customProvider(w *writer, pointer string, obj map[string]any) {
	if blank(obj["allowedGrantTypes"]) {
		w.breach(pointer+"/allowedGrantTypes", "must have at least one item")
	}
	mapping, _ := obj["userDataClaimsMapping"].(map[string]any)
	filled := slices.ContainsFunc(sortedKeys(mapping), func(k string) bool { return !blank(mapping[k]) })
	if filled && blank(mapping["loginId"]) {
		w.breach(pointer+"/userDataClaimsMapping/loginId", "must be there where other claims are mapped")
	}
}

func storedProvider(w *writer, name string) map[string]any {
	doc, _ := w.was("auth/oauth.json").(map[string]any)
	all, _ := doc["providerSettings"].(map[string]any)
	one, _ := all[name].(map[string]any)
	return one
}

// blank reports whether a value says nothing.
func blank(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}
