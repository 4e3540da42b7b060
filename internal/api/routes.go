package api

import (
	"net/http"
	"slices"

	"postern/internal/edge"
	"postern/internal/mgmtkey"
)

// A route is one row of the API's surface.
type route struct {
	method  string
	path    string
	access  edge.Need
	serve   operation
	summary string
}

// in makes the need of a call that acts on one project.
func in(role mgmtkey.Role) edge.Need { return edge.Need{Scope: edge.Project, Role: role} }

// delegable makes of a need one that a user has, too, who may manage the users of a tenant.
func delegable(n edge.Need) edge.Need {
	n.InTenant = userAdmin
	return guessing(n) // whoever fails is counted, unless they have a key
}

// anyone makes the need of a call of a person who is about to sign in, or pretends to.
func anyone() edge.Need { return guessing(edge.Need{Scope: edge.Anyone}) }

// signedIn makes the need of a call of a person who has signed in.
func signedIn() edge.Need { return edge.Need{Scope: edge.User} }

// withToken makes the need of a call that looks at the refresh token by itself.
func withToken() edge.Need { return edge.Need{Scope: edge.Token} }

// renewing makes of a need that of a call that gives further tokens for the one that is
// shown.
func renewing(n edge.Need) edge.Need {
	n.Renews = true
	return n
}

// exchanging makes of a need that of a call that takes a token of a former service, too.
func exchanging(n edge.Need) edge.Need {
	n.Exchanges = true
	return n
}

// carried makes the need of a call that looks at a token that somebody else may hold.
func carried() edge.Need { return edge.Need{Scope: edge.Token, Carried: true} }

// public makes the need of a call that everybody may make.
func public() edge.Need { return edge.Need{Scope: edge.Public} }

// anyKey makes the need of a call that itself looks at what the key may see.
func anyKey() edge.Need { return edge.Need{Scope: edge.Company} }

// Need returns what a call asks for, such as "POST /v1/mgmt/project/import", for
// other edges that do the same. A call that there is not serves nobody.
func Need(call string) edge.Need {
	for _, r := range (&Server{}).routes() {
		if r.method+" "+r.path == call {
			return r.access
		}
	}
	return edge.Need{}
}

// routes is the whole surface of the API: one group a concern, each declared as rows
// in a file routes_*.go.
func (s *Server) routes() []route {
	return slices.Concat(
		s.projectRoutes(),
		s.manageRoutes(),
		s.userRoutes(),
		s.totpRoutes(),
		s.sessionRoutes(),
		s.tokenRoutes(),
		s.keyRoutes(),
		s.passwordRoutes(),
		s.passkeyRoutes(),
		s.otpRoutes(),
		s.questionRoutes(),
		s.outboxRoutes(),
		s.linkRoutes(),
		s.notpRoutes(),
		s.factorRoutes(),
	)
}

// projectRoutes move configurations.
func (s *Server) projectRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/mgmt/license", anyKey(), call(s.license), "The licence that clients ask for before anything else."},

		{http.MethodPost, "/v1/mgmt/project/import", in(mgmtkey.Import), raw[importRequest, importAnswer](s.importSnapshot), "Make a snapshot the configuration of the project, whole or not at all."},
		{http.MethodPost, "/v1/mgmt/project/snapshot/import", in(mgmtkey.Import), raw[importRequest, importAnswer](s.importSnapshot), "The same, as the SDKs call it."},
		{http.MethodPost, "/v1/mgmt/project/export", in(mgmtkey.Read), raw[exportRequest, exportAnswer](s.exportSnapshot), "The configuration of the project as files, without secrets."},
		{http.MethodPost, "/v1/mgmt/project/snapshot/export", in(mgmtkey.Read), raw[exportRequest, exportAnswer](s.exportSnapshot), "The same, as the SDKs call it."},
		{http.MethodPost, "/v1/mgmt/project/validate", in(mgmtkey.Plan), raw[importRequest, validateAnswer](s.validateSnapshot), "Check a snapshot against the project and change nothing."},
		{http.MethodPost, "/v1/mgmt/project/snapshot/validate", in(mgmtkey.Plan), raw[importRequest, validateAnswer](s.validateSnapshot), "The same, as the SDKs call it."},

		{http.MethodGet, "/v1/mgmt/project/revisions", in(mgmtkey.Read), call(s.listRevisions), "The revisions of the project, the newest first, a page at a time."},
		{http.MethodGet, "/v1/mgmt/project/revisions/{number}", in(mgmtkey.Read), call(s.getRevision), "One revision, with what it changed; secrets by name, never by value."},
		{http.MethodGet, "/v1/mgmt/project/imports/{key}", in(mgmtkey.Read), call(s.imported), "What an import did that was sent with this Idempotency-Key within the last 24 hours."},

		{http.MethodPost, "/v1/mgmt/project/plan", in(mgmtkey.Plan), raw[importRequest, planAnswer](s.planSnapshot), "Say what an import of the same body would do, and change nothing."},
		{http.MethodPost, "/v1/mgmt/project/snapshot/plan", in(mgmtkey.Plan), raw[importRequest, planAnswer](s.planSnapshot), "The same, beside the calls of the SDKs."},
		{http.MethodPost, "/v1/mgmt/project/drift", in(mgmtkey.Plan), raw[importRequest, driftAnswer](s.drift), "Say how files and the project differ, seen from the revision in base, and who changed what since."},

		{http.MethodPost, "/v1/mgmt/project/rollback", in(mgmtkey.Import), call(s.rollback), "Make the project what it was at a revision, as a new one; or say what that would change."},
		{http.MethodPost, "/v1/mgmt/project/confirm", in(mgmtkey.Import), call(s.confirm), "Let a revision stay that would go back by itself, or take it back at once."},
		{http.MethodPost, "/v1/mgmt/project/plan/approve", in(mgmtkey.Import), call(s.approve), "Approve a plan by its digest, for another key that imports it."},
		{http.MethodGet, "/v1/mgmt/project/policy", in(mgmtkey.Read), call(s.getPolicy), "What imports and rollbacks may not do to the project."},
		{http.MethodPut, "/v1/mgmt/project/policy", in(mgmtkey.Admin), call(s.setPolicy), "Replace the policy of the project."},
		{http.MethodPost, "/v1/mgmt/project/secret/revoke", in(mgmtkey.Admin), call(s.revokeSecrets), "Destroy the older values of the secrets of an entity, so that no rollback brings them back."},

		{http.MethodPost, "/v1/mgmt/project/create", anyKey(), call(s.createProject), "Make an empty project."},
		{http.MethodPost, "/v1/mgmt/project/clone", in(mgmtkey.Admin), call(s.cloneProject), "Make a new project with the configuration and the secrets of this one."},
		{http.MethodPost, "/v1/mgmt/project/update/name", in(mgmtkey.Import), call(s.renameProject), "Give the project another name."},
		{http.MethodPost, "/v1/mgmt/project/update/tags", in(mgmtkey.Import), call(s.tagProject), "Replace the tags of the project."},
		{http.MethodPost, "/v1/mgmt/project/delete", in(mgmtkey.Admin), call(s.deleteProject), "Take the project out of use; for 30 days it can be brought back."},
		{http.MethodPost, "/v1/mgmt/project/undelete", anyKey(), call(s.undeleteProject), "Bring a deleted project back, with everything in it."},
		{http.MethodPost, "/v1/mgmt/project/key/rotate", in(mgmtkey.Admin), call(s.rotateKey), "Seal every secret of the project with a new data key."},
		{http.MethodPost, "/v1/mgmt/projects/list", anyKey(), call(s.listProjects), "The projects that the key may see; or those that were deleted and can be brought back."},

		{http.MethodPost, "/v1/mgmt/audit/search", in(mgmtkey.Read), call(s.searchAudit), "Who did what in the project, the newest first; what people did, and what they are found by, for the role `admin` alone."},

		{http.MethodPost, "/v1/mgmt/audit/event", in(mgmtkey.Admin), call(s.createAuditEvent), "Keep a record of what a backend has seen, in the same chain."},
		{http.MethodPost, "/v2/mgmt/connector/audit/web/set", in(mgmtkey.Import), call(s.setAuditWebhook), "Set where records of the audit are to be posted, as a connector of the configuration."},
		{http.MethodPost, "/v1/mgmt/analytics/search", in(mgmtkey.Read), call(s.searchAnalytics), "How often people signed in, users were made and records written, by time, action, method, device and tenant."},

		{http.MethodPost, "/v1/mgmt/infra", anyKey(), raw[infraRequest, infraAnswer](s.infra), "Infrastructure as code: make a project, an access key or a management key of its data."},
		{http.MethodGet, "/v1/mgmt/infra", anyKey(), raw[infraRequest, infraAnswer](s.infra), "The data of a project, an access key or a management key, without secrets."},
		{http.MethodPut, "/v1/mgmt/infra", anyKey(), raw[infraRequest, infraAnswer](s.infra), "Make a project, an access key or a management key what the data says: lists that are there are the whole of them."},
		{http.MethodDelete, "/v1/mgmt/infra", anyKey(), raw[infraRequest, infraAnswer](s.infra), "Take a project out of use, delete an access key, or revoke a management key."},

		{http.MethodPut, "/v1/mgmt/managementkey", anyKey(), call(s.createKey), "Make a management key; its cleartext is in this answer only."},
		{http.MethodGet, "/v1/mgmt/managementkey", anyKey(), call(s.getKey), "One management key."},
		{http.MethodPatch, "/v1/mgmt/managementkey", anyKey(), call(s.updateKey), "Change the name, the description, the addresses or the status of a management key."},
		{http.MethodPost, "/v1/mgmt/managementkey/delete", anyKey(), call(s.deleteKeys), "Revoke management keys."},
		{http.MethodGet, "/v1/mgmt/managementkey/search", anyKey(), call(s.searchKeys), "The management keys that the key may see."},
	}
}

// RouteInfo describes a route to the reference.
type RouteInfo struct {
	Method, Path, Summary, Access string
}

// Routes describes the surface of the API, in its order.
func Routes() []RouteInfo {
	var out []RouteInfo
	for _, r := range (&Server{}).routes() {
		out = append(out, RouteInfo{Method: r.method, Path: r.path, Summary: r.summary, Access: r.needs()})
	}
	return out
}

// needs says what a call asks for.
func (r route) needs() string {
	switch {
	case r.access.Scope == edge.Public:
		return "nothing"
	case r.access.Scope == edge.Anyone:
		return "the id of the project"
	case r.access.OfPerson():
		return "the id of the project and a refresh token"
	case r.access.Role > mgmtkey.None && r.access.InTenant != "":
		return "a management key with the role `" + r.access.Role.String() + "` in the project, or with `tenant` in the query the refresh token of a user with the permission `" + r.access.InTenant + "` there"
	case r.access.Role > mgmtkey.None:
		return "a management key with the role `" + r.access.Role.String() + "` in the project"
	}
	return "any management key"
}
