package connector

import (
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

// choose returns the first of some events that the settings let out, most of them at
// most, and the number up to which all were looked at.
func (set streamSettings) choose(list []audit.Numbered, most int) (out []record, last int64, err error) {
	size := 0
	for _, n := range list {
		shown, err := n.Show()
		if err != nil {
			return nil, 0, err
		}
		if set.lets(shown) {
			if set.MaskPII {
				shown = masked(shown)
			}
			r, err := asRecord(shown)
			if err != nil {
				return nil, 0, err
			}
			if size += len(r.text); len(out) > 0 && size > mostBytes {
				return out, last, nil
			}
			out = append(out, r)
		}
		if last = n.Number; len(out) == most {
			return out, last, nil
		}
	}
	return out, last, nil
}

func asRecord(e audit.Shown) (record, error) {
	text, err := json.Marshal(postedEvent{
		ID: e.ID, ProjectID: e.Project, Action: e.Action, Type: e.Level, ActorID: e.Actor, UserID: e.User, RemoteAddress: e.Remote,
		Occurred: e.At.UnixMilli(), OccurredText: e.At.UTC().Format("2006-01-02T15:04:05.000Z07:00"), ExternalIDs: []string{}, Tenants: e.Tenants, Data: e.Data,
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
// mail addresses and phone numbers, wherever in it they are. Ids stay.
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
