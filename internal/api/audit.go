package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/audit"
	"postern/internal/edge"
	"postern/internal/project"
	"postern/internal/session"
)

// auditRequest is a search as clients send it. Times are Unix milliseconds.
type auditRequest struct {
	From            number       `json:"from"`
	To              number       `json:"to"`
	Actions         []string     `json:"actions"`
	ExcludedActions []string     `json:"excludedActions"`
	ActorIDs        []string     `json:"actorIds"`
	RemoteAddresses []string     `json:"remoteAddresses"`
	AuditTypes      []string     `json:"auditTypes"`
	Levels          []string     `json:"levels"`
	Text            string       `json:"text"`
	OldestFirst     bool         `json:"oldestFirst"`
	Size            number       `json:"size"`      // at most 1,000, and 0 is as many
	Page            number       `json:"page"`      // from 0
	NoTenants       bool         `json:"noTenants"` // also what no tenant has, where tenants are named
	UserIDs         []string     `json:"userIds"`
	Tenants         []string     `json:"tenants"`
	Devices         []string     `json:"devices"`
	Methods         []string     `json:"methods"`
	Geos            []string     `json:"geos"` // which no record has
	ExternalIDs     []string     `json:"externalIds"`
	NotExternalIDs  []string     `json:"excludedExternalIds"`
	LoginIDs        []string     `json:"loginIdsContain"`
	NotLoginIDs     []string     `json:"loginIdsNotContain"`
	Fields          []auditField `json:"searchFields"`
}

// wireAudit is a record as clients read it: the time is text, in milliseconds.
type wireAudit struct {
	ID            string         `json:"ID"`
	ProjectID     string         `json:"projectId"`
	UserID        string         `json:"userId"`
	Action        string         `json:"action"`
	Occurred      string         `json:"occurred"`
	Device        string         `json:"device"`
	Method        string         `json:"method"`
	Geo           string         `json:"geo"`
	RemoteAddress string         `json:"remoteAddress"`
	ExternalIDs   []string       `json:"externalIds"`
	Tenants       []string       `json:"tenants"`
	Data          map[string]any `json:"data"`
	Type          string         `json:"type"` // "info", "warn" or "error"
	ActorID       string         `json:"actorId"`
}

type auditAnswer struct {
	Audits []wireAudit `json:"audits"`
	Total  int         `json:"total"`
}

// mostPages bounds how far a search may go back by pages.
const mostPages = 1_000_000

func (s *Server) searchAudit(ctx context.Context, in *auditRequest) (*auditAnswer, error) {
	out := &auditAnswer{Audits: []wireAudit{}}
	search, some, err := in.search(callerOf(ctx).Project)
	if err != nil || !some {
		return out, err
	}
	search.People = callerOf(ctx).SeesPeople()
	events, total, err := audit.Find(ctx, s.Projects.DB, search, session.Logins())
	if err != nil {
		return nil, err
	}
	if total == 0 { // a project that never was has no record at all, and one that was deleted has
		if _, all, err := audit.Find(ctx, s.Projects.DB, audit.Search{Project: search.Project, Limit: 1}); err != nil || all == 0 {
			return nil, cmp.Or(err, error(project.ErrNotFound))
		}
	}
	out.Total = total
	for _, e := range events {
		one, err := auditOnWire(e)
		if err != nil {
			return nil, err
		}
		out.Audits = append(out.Audits, one)
	}
	if !search.People {
		return out, nil
	}
	return out, s.nameUsers(ctx, search.Project, out.Audits)
}

// nameUsers writes into records what their users are found by.
func (s *Server) nameUsers(ctx context.Context, project string, list []wireAudit) error {
	var ids []string
	for _, a := range list {
		if a.UserID != "" && !slices.Contains(ids, a.UserID) {
			ids = append(ids, a.UserID)
		}
	}
	known, err := s.Users.LoginIDs(ctx, project, ids)
	for i, a := range list {
		list[i].ExternalIDs = append([]string{}, known[a.UserID]...)
	}
	return err
}

func milliseconds(n number) time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(n))
}

func auditOnWire(e audit.Event) (wireAudit, error) {
	shown, err := e.Show()
	out := wireAudit{
		ID: shown.ID, ProjectID: shown.Project, UserID: shown.User, Action: shown.Action, Occurred: strconv.FormatInt(shown.At.UnixMilli(), 10),
		Device: shown.Device, Method: shown.Method, RemoteAddress: shown.Remote, ExternalIDs: []string{}, Tenants: shown.Tenants, Data: shown.Data,
		Type: shown.Level, ActorID: shown.Actor,
	}
	return out, err
}

// refused records what was refused to a key that is known, or to a user in its place.
func (s *Server) refused(r *http.Request, need edge.Need, err error) {
	_, path, _ := strings.Cut(r.Pattern, " ")
	refusal := errors.Join(callerOf(r.Context()).Refused(r.Context(), s.Projects.DB, need, path, err), s.noteBeyond(r, need, err))
	if refusal != nil {
		s.Log.WarnContext(r.Context(), "refused request not recorded", "route", r.Pattern, "err", refusal)
	}
}
