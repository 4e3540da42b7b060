package api

import (
	"context"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/store"
)

// What is wrong with a record that a backend gives.
var errRecord = fault.New(fault.Invalid, "E011003", `Request is invalid: a record has an action of 1 to 100 bytes, a type that is "info", "warn" or "error", ids of at most 256 bytes on one line, and data of at most 16 KiB`)

// The bounds of a record that a backend gives, in bytes.
const (
	longestAction = 100
	longestID     = 256
	longestData   = 16 << 10
)

// auditEventRequest is something that a backend has seen, to be kept with what the
// server has.
type auditEventRequest struct {
	User   string         `json:"userId"`
	Action string         `json:"action"`
	Tenant string         `json:"tenantId"`
	Type   string         `json:"type"`    // info, warn or error
	Actor  string         `json:"actorId"` // who did it, as the backend says; that the key said it is in the record
	Data   jsontext.Value `json:"data"`
}

func (s *Server) createAuditEvent(ctx context.Context, in *auditEventRequest) (*empty, error) {
	outcome, ok := outcomeOf(in.Type)
	data := map[string]any{}
	if len(in.Data) > 0 && in.Data.Kind() != 'n' {
		ok = ok && len(in.Data) <= longestData && json.Unmarshal(in.Data, &data) == nil
	}
	ok = ok && in.Action != "" && store.Plain(in.Action, longestAction, "")
	details := map[string]any{}
	for name, id := range map[string]string{audit.DetailUser: in.User, audit.DetailTenant: in.Tenant, audit.DetailActor: in.Actor} {
		ok = ok && store.Plain(id, longestID, "")
		if id != "" {
			details[name] = id
		}
	}
	if !ok {
		return nil, errRecord
	}
	if len(data) > 0 {
		text, err := json.Marshal(data, json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		details[audit.DetailData] = string(text)
	}
	c := callerOf(ctx)
	e := c.Origin.Event(audit.Reported+in.Action, outcome)
	e.Project, e.Details = c.Project, details
	return &empty{}, s.Projects.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error { return audit.Record(tx, e) })
}

// outcomeOf is the outcome that the wire has a word for.
func outcomeOf(word string) (string, bool) {
	for _, outcome := range []string{audit.Done, audit.Refused, audit.Failed} {
		if audit.Level(outcome) == word {
			return outcome, true
		}
	}
	return "", false
}

// recorded are the actions of records that the wire has under some names: those of
// the server, and those that backends gave.
func recorded(actions []string) []string {
	var out []string
	for _, a := range actions {
		out = append(out, a, audit.Reported+a)
	}
	return out
}
