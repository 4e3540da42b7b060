package api

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// errWebhook is a webhook that cannot be made a file of the configuration.
var errWebhook = fault.New(fault.Invalid, "E011003", "Request is invalid: a webhook has a name with a letter or a digit in it, that no connector of another type has, and one way to authenticate at most")

const webhookType = "audit-webhook"

// webhookRequest is where records of the audit go, as SDKs say it.
type webhookRequest struct {
	Name           string            `json:"name"`
	Description    string            `json:"description"`
	URL            string            `json:"url"`
	Authentication *webhookAuth      `json:"authentication"`
	HMACSecret     string            `json:"hmacSecret"`
	Headers        map[string]string `json:"headers"`
	Insecure       bool              `json:"insecure"`
	Filters        []webhookFilter   `json:"filters"`
}

// webhookAuth is one way to authenticate.
type webhookAuth struct {
	Bearer string         `json:"bearerToken"`
	Basic  jsontext.Value `json:"basic"`
	APIKey jsontext.Value `json:"apiKey"`
}

type webhookFilter struct {
	Type     string   `json:"filterType"` // all, actions or tenants
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
}

// setAuditWebhook makes a connector of the configuration, or another one of what it
// was, found by its name.
func (s *Server) setAuditWebhook(ctx context.Context, in *webhookRequest) (*empty, error) {
	settings, err := in.settings()
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	return &empty{}, s.Projects.Edit(ctx, c.Origin, c.Project, "audit webhook", func(files snapshot.Files) (snapshot.Files, error) {
		path, id, err := webhookPlace(files, in.Name)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(map[string]any{
			"id": id, "name": in.Name, "description": in.Description, "type": webhookType, "configuration": settings,
		}, json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		changed := snapshot.Files{}
		for p, content := range files { // the index names them, so they come along
			if strings.HasPrefix(p, project.ConnectorFolder) {
				changed[p] = content
			}
		}
		changed[path] = text
		var slugs []string
		for p := range changed {
			if slug := strings.TrimSuffix(strings.TrimPrefix(p, project.ConnectorFolder), ".json"); p != project.ConnectorIndex && !strings.Contains(slug, "/") {
				slugs = append(slugs, slug)
			}
		}
		slices.Sort(slugs)
		changed[project.ConnectorIndex], err = json.Marshal(map[string]any{"connectors": slugs}, json.Deterministic(true))
		return changed, err
	})
}

// webhookPlace is the path and the id of the webhook with a name: those of the one that
// there is, or new ones.
func webhookPlace(files snapshot.Files, name string) (path, id string, err error) {
	slug := snapshot.Slug(name)
	if slug == "" {
		return "", "", errWebhook
	}
	for p, content := range files {
		var is struct{ ID, Name, Type string }
		if !strings.HasPrefix(p, project.ConnectorFolder) || p == project.ConnectorIndex {
			continue
		}
		if err := json.Unmarshal(content, &is, json.MatchCaseInsensitiveNames(true)); err != nil || is.Name != name {
			continue
		}
		if is.Type != webhookType {
			return "", "", errWebhook
		}
		return p, is.ID, nil
	}
	id = ident.New("CI")
	if path = project.ConnectorFolder + slug + ".json"; files[path] != nil { // of another name that is written alike
		path = project.ConnectorFolder + slug + "-" + strings.ToLower(id) + ".json"
	}
	return path, id, nil
}

// settings are those of the connector. A blank secret is the one that is stored.
func (in *webhookRequest) settings() (map[string]any, error) {
	auth, ways := map[string]any{"method": "none"}, 0
	if a := in.Authentication; a != nil {
		for _, way := range []struct {
			method string
			value  any
			given  bool
		}{
			{"bearerToken", a.Bearer, a.Bearer != ""},
			{"basic", a.Basic, a.Basic.Kind() == '{'},
			{"apiKey", a.APIKey, a.APIKey.Kind() == '{'},
		} {
			if way.given {
				auth, ways = map[string]any{"method": way.method, way.method: way.value}, ways+1
			}
		}
	}
	if ways > 1 {
		return nil, errWebhook
	}
	headers := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(in.Headers)) { // any of them may be a credential
		headers = append(headers, map[string]any{"key": name, "value": in.Headers[name], "secret": true})
	}
	filters := []map[string]any{}
	for _, f := range in.Filters {
		if f.Type != "all" {
			filters = append(filters, map[string]any{"key": f.Type, "operator": f.Operator, "values": list(f.Values)})
		}
	}
	return map[string]any{
		"baseUrl": in.URL, "authentication": auth, "headers": headers, "hmacSecret": in.HMACSecret, "insecure": in.Insecure, "auditFilters": filters,
	}, nil
}
