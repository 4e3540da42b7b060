package connector

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/audit"
	"postern/internal/message"
)

// streamSettings are what all connectors that take the audit have.
type streamSettings struct {
	AuditEnabled *bool         `json:"auditEnabled"` // where it is not there, they do
	Filters      []auditFilter `json:"auditFilters"`
	MaskPII      bool          `json:"maskPII"`
}

// An auditFilter lets records in, or keeps them out. All of a connector must agree.
type auditFilter struct {
	Key      string   `json:"key"`      // actions or tenants
	Operator string   `json:"operator"` // includes or excludes
	Values   []string `json:"values"`
}

// A record is one event on its way out, with the text that receivers get.
type record struct {
	audit.Shown
	text jsontext.Value
}

// postedEvent is an event as receivers of the wire read it: that of a search of the
// audit, but its time is a number, and also text.
type postedEvent struct {
	ID            string         `json:"id"` // the same when it comes again
	ProjectID     string         `json:"projectId"`
	Action        string         `json:"action"`
	Type          string         `json:"type"` // info, warn or error
	ActorID       string         `json:"actorId"`
	UserID        string         `json:"userId"`
	Occurred      int64          `json:"occurred"` // Unix milliseconds
	OccurredText  string         `json:"occurred_formatted"`
	RemoteAddress string         `json:"remoteAddress"`
	Device        string         `json:"device"`
	Method        string         `json:"method"`
	Geo           string         `json:"geo"`
	ExternalIDs   []string       `json:"externalIds"`
	Tenants       []string       `json:"tenants"`
	Data          map[string]any `json:"data"`
}

// A chosen event is one that goes out, and the place of its stream after it.
type chosen struct {
	audit.Shown
	after audit.Place
}

// next returns the records of the next post of a stream, and its place once they were
// taken. Without records the place is after what the settings keep back.
func (s *Service) next(ctx context.Context, st *audit.Stream, set streamSettings) (out []record, end audit.Place, err error) {
	list, end, err := st.Next(ctx, s.DB, mostRead, s.People...)
	if err != nil {
		return nil, end, err
	}
	most := max(mostRecords>>st.Failures, 1) // so that one that is refused does not hold up those before it
	events, looked, err := set.choose(list, most)
	if err != nil {
		return nil, end, err
	}
	if looked < len(list) {
		end = list[looked-1].After
	}
	var known map[string][]string
	if !set.MaskPII {
		if known, err = s.known(ctx, st.Project, events); err != nil {
			return nil, end, err
		}
	}
	size := 0
	for i, e := range events {
		ids := append([]string{}, known[e.User]...)
		if set.MaskPII {
			e.Shown = masked(e.Shown)
		}
		r, err := asRecord(e.Shown, ids)
		if err != nil {
			return nil, end, err
		}
		if size += len(r.text); i > 0 && size > mostBytes {
			return out, events[i-1].after, nil
		}
		out = append(out, r)
	}
	return out, end, nil
}

// known returns what the users of events are found by, by their ids.
func (s *Service) known(ctx context.Context, project string, events []chosen) (map[string][]string, error) {
	var ids []string
	for _, e := range events {
		if e.User != "" && !slices.Contains(ids, e.User) {
			ids = append(ids, e.User)
		}
	}
	if s.LoginIDs == nil || len(ids) == 0 {
		return nil, nil
	}
	return s.LoginIDs(ctx, project, ids)
}

// choose returns the first of some events that the settings let out, most of them at
// most, and how many were looked at.
func (set streamSettings) choose(list []audit.Numbered, most int) (out []chosen, looked int, err error) {
	for i, n := range list {
		shown, err := n.Show()
		if err != nil {
			return nil, 0, err
		}
		if set.lets(shown) {
			out = append(out, chosen{shown, n.After})
		}
		if len(out) == most {
			return out, i + 1, nil
		}
	}
	return out, len(list), nil
}

func asRecord(e audit.Shown, loginIDs []string) (record, error) {
	text, err := json.Marshal(postedEvent{
		ID: e.ID, ProjectID: e.Project, Action: e.Action, Type: e.Level, ActorID: e.Actor, UserID: e.User, RemoteAddress: e.Remote,
		Device: e.Device, Method: e.Method,
		Occurred: e.At.UnixMilli(), OccurredText: e.At.UTC().Format("2006-01-02T15:04:05.000Z07:00"), ExternalIDs: loginIDs, Tenants: e.Tenants, Data: e.Data,
	}, json.Deterministic(true))
	return record{e, text}, err
}

// lets reports whether an event passes all filters.
func (set streamSettings) lets(e audit.Shown) bool {
	for _, f := range set.Filters {
		among := slices.ContainsFunc(f.Values, func(v string) bool {
			if f.Key == "tenants" {
				return slices.Contains(e.Tenants, v)
			}
			return v == e.Action || slices.Contains(named(v), e.Action)
		})
		if among != (f.Operator == "includes") {
			return false
		}
	}
	return true
}

// named are the actions that filters of the wire know under a name.
func named(name string) []string {
	return map[string][]string{
		"UserCreated":            {"user.create"},
		"UserDeleted":            {"user.delete"},
		"UserModified":           {"user.update"},
		"LoginExceedMaxAttempts": {"user.password.lock"},
		"AccessKeyCreated":       {"accesskey.create", "accesskey.import"},
		"AccessKeyDeleted":       {"accesskey.delete"},
		"AccessKeyModified":      {"accesskey.update", "accesskey.rotate", "accesskey.activate", "accesskey.deactivate"},
		"PermissionCreated":      {"permission.create"},
		"PermissionModified":     {"permission.update"},
		"PermissionDeleted":      {"permission.delete"},
		"RoleCreated":            {"role.create"},
		"RoleModified":           {"role.update"},
		"RoleDeleted":            {"role.delete"},
		"TenantCreated":          {"tenant.create"},
		"TenantModified":         {"tenant.update"},
		"TenantDeleted":          {"tenant.delete"},
		"ProjectDeleted":         {"project.delete"},
	}[name]
}

// masked is an event without what says who somebody is: the address that it came from,
// mail addresses and phone numbers, wherever in it they are. Ids stay; what their users
// are found by does not come with it.
func masked(e audit.Shown) audit.Shown {
	e.Remote = ""
	e.Data, _ = maskedValue(e.Data).(map[string]any)
	e.Actor, _ = maskedValue(e.Actor).(string)
	return e
}

func maskedValue(v any) any {
	switch v := v.(type) {
	case string:
		switch {
		case strings.Contains(v, "@"):
			return message.MaskEmail(v)
		case isPhone(v):
			return message.MaskPhone(v)
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = maskedValue(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name := range v {
			out[name] = maskedValue(v[name])
		}
		return out
	}
	return v
}

func isPhone(s string) bool {
	_, err := message.Phone(s)
	return err == nil && strings.HasPrefix(s, "+")
}

// seconds is a time as services of logs read it: Unix seconds with a fraction.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
