package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/audit"
	"postern/internal/edge"
	"postern/internal/project"
)

// auditRequest is a search as clients send it. Times are Unix milliseconds.
type auditRequest struct {
	From            number   `json:"from"`
	To              number   `json:"to"`
	Actions         []string `json:"actions"`
	ExcludedActions []string `json:"excludedActions"`
	ActorIDs        []string `json:"actorIds"`
	RemoteAddresses []string `json:"remoteAddresses"`
	AuditTypes      []string `json:"auditTypes"`
	Levels          []string `json:"levels"`
	Text            string   `json:"text"`
	OldestFirst     bool     `json:"oldestFirst"`
	Size            number   `json:"size"`      // at most 1,000, and 0 is as many
	Page            number   `json:"page"`      // from 0
	NoTenants       bool     `json:"noTenants"` // also what no tenant has, where tenants are named
	UserIDs         []string `json:"userIds"`
	Tenants         []string `json:"tenants"`

	// What no record has. A search for one of these finds nothing.
	Devices         []string `json:"devices"`
	Methods         []string `json:"methods"`
	Geos            []string `json:"geos"`
	ExternalIDs     []string `json:"externalIds"`
	LoginIDsContain []string `json:"loginIdsContain"`
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
	for _, list := range [][]string{in.Devices, in.Methods, in.Geos, in.ExternalIDs, in.LoginIDsContain} {
		if len(list) > 0 {
			return out, nil
		}
	}
	size := int(min(max(in.Size, 0), audit.MostFound))
	if size == 0 {
		size = audit.MostFound // the Node SDK has no word for a size, nor for a second page
	}
	search := audit.Search{
		Project: callerOf(ctx).Project, Actions: recorded(in.Actions), ExcludedActions: recorded(in.ExcludedActions), Actors: in.ActorIDs,
		Remotes: in.RemoteAddresses, Text: in.Text, OldestFirst: in.OldestFirst, From: milliseconds(in.From), To: milliseconds(in.To),
		Limit: size, Offset: int(min(max(in.Page, 0), mostPages)) * size,
	}
	if len(in.UserIDs) > 0 {
		search.Named = append(search.Named, audit.Named{Member: audit.DetailUser, Values: in.UserIDs})
	}
	if len(in.Tenants) > 0 {
		search.Named = append(search.Named, audit.Named{Member: audit.DetailTenant, Values: in.Tenants, OrNone: in.NoTenants})
	}
	if wanted := slices.Concat(in.AuditTypes, in.Levels); len(wanted) > 0 {
		for _, outcome := range []string{audit.Done, audit.Refused, audit.Failed} {
			if slices.Contains(wanted, audit.Level(outcome)) {
				search.Outcomes = append(search.Outcomes, outcome)
			}
		}
		if len(search.Outcomes) == 0 {
			return out, nil
		}
	}
	events, total, err := audit.Find(ctx, s.Projects.DB, search)
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
	return out, nil
}

func milliseconds(n number) time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(n))
}

func auditOnWire(e audit.Event) (wireAudit, error) {
	shown, err := e.Show()
	return wireAudit{
		ID: shown.ID, ProjectID: shown.Project, UserID: shown.User, Action: shown.Action, Occurred: strconv.FormatInt(shown.At.UnixMilli(), 10),
		RemoteAddress: shown.Remote, ExternalIDs: []string{}, Tenants: shown.Tenants, Data: shown.Data, Type: shown.Level, ActorID: shown.Actor,
	}, err
}

// refused records what was refused to a key that is known.
func (s *Server) refused(r *http.Request, need edge.Need, err error) {
	_, path, _ := strings.Cut(r.Pattern, " ")
	if err := callerOf(r.Context()).Refused(r.Context(), s.Projects.DB, need, path, err); err != nil {
		s.Log.WarnContext(r.Context(), "refused request not recorded", "route", r.Pattern, "err", err)
	}
}
