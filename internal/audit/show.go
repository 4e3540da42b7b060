package audit

import (
	"cmp"
	"maps"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Reported stands before the action of a record that a backend gave, so that nobody
// takes it for one of what the server did.
const Reported = "reported."

// The members of details that others look for: whom an event is about, in which
// tenant, and of a record that a backend gave also who did it, and its data as JSON in
// a text, so that no search takes what is in it for a member.
const (
	DetailUser   = "user"
	DetailTenant = "tenant"
	DetailActor  = "actor"
	DetailData   = "data"
)

// Level returns the wire's word for what came of an action: "info", "warn" or "error".
func Level(outcome string) string {
	return map[string]string{Done: "info", Refused: "warn", Failed: "error"}[outcome]
}

// A Shown event is one as those outside are told of it: the API and the services that
// take the audit of a project.
type Shown struct {
	ID      string
	Project string
	Action  string // of a record that a backend gave, without Reported
	Actor   string
	User    string // whom it is about; blank for nobody
	Remote  string
	Device  string // see DeviceOf; blank where no person signed in
	Method  string // of authentication, in the word of the wire
	Level   string // see Level
	At      time.Time
	Tenants []string // never nil
	Data    map[string]any
}

// Show returns the event as those outside are told of it.
func (e Event) Show() (Shown, error) {
	out := Shown{
		ID: e.ID, Project: e.Project, Action: e.Action, Actor: e.Actor, Remote: e.Remote, Level: Level(e.Outcome), At: e.OccurredAt,
		Tenants: []string{}, Data: map[string]any{"outcome": e.Outcome},
	}
	if e.Agent != "" || e.Method != "" {
		out.Device, out.Method = DeviceOf(e.Agent), MethodOnWire(e.Method)
	}
	out.User, _ = e.Details[DetailUser].(string)
	out.User = cmp.Or(out.User, e.User)
	tenant, _ := e.Details[DetailTenant].(string)
	if tenant = cmp.Or(tenant, e.Tenant); tenant != "" {
		out.Tenants = append(out.Tenants, tenant)
	}
	if action, ok := strings.CutPrefix(e.Action, Reported); ok {
		return out, out.reported(e, action)
	}
	maps.Copy(out.Data, e.Details)
	if e.Request != "" {
		out.Data["requestId"] = e.Request
	}
	return out, nil
}

// reported makes it what the backend gave, with the key beside it.
func (s *Shown) reported(e Event, action string) error {
	s.Action, s.Data = action, map[string]any{"reportedBy": e.Actor}
	s.Actor, _ = e.Details[DetailActor].(string)
	text, _ := e.Details[DetailData].(string)
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), &s.Data)
}
