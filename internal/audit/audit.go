// Package audit keeps the record of who did what. An event is written in the
// transaction of what it tells of, so neither exists without the other; it is
// never changed, and it is chained to the one before it, so that a change shows.
//
// What is worth an event, and what its details are, is for the packages that
// write them. No secret may be put into an event, not even a digest of one:
// whoever reads the audit may read all of it.
package audit

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/ident"
	"postern/internal/store"
)

// The outcomes of an action.
const (
	Done    = "done"    // it happened
	Refused = "refused" // it was not allowed, or not valid
	Failed  = "failed"  // it was allowed, and did not work
)

var errIncomplete = errors.New("an audit event needs an actor, an action and an outcome")

// An Event is one thing that was done, or tried.
type Event struct {
	ID         string         // set by Record
	OccurredAt time.Time      // set by Record, to the millisecond
	Project    string         // the project's id, or empty for the whole server
	Actor      string         // who: the id of a management key or a user, or "cli"
	Action     string         // what: "managementkey.create"
	Outcome    string         // Done, Refused or Failed
	Remote     string         // the address that it came from, where there is one
	Request    string         // the id of the request, as in the log
	Details    map[string]any // what else to know of it, as JSON; never a secret

	User, Tenant, Method, Agent string // of what a person did, an Act or a login
}

// An Origin says who acts and from where. Callers hand it down to the functions
// that write events.
type Origin struct {
	Actor   string
	Remote  string
	Request string
}

// Event returns the event that o did action.
func (o Origin) Event(action, outcome string) Event {
	return Event{Actor: o.Actor, Remote: o.Remote, Request: o.Request, Action: action, Outcome: outcome}
}

// Record writes e, now, as part of tx.
func Record(tx *store.Tx, e Event) error {
	if e.Actor == "" || e.Action == "" || e.Outcome == "" {
		return fmt.Errorf("record %q: %w", e.Action, errIncomplete)
	}
	details := []byte("{}")
	if len(e.Details) > 0 {
		var err error
		if details, err = json.Marshal(e.Details, json.Deterministic(true)); err != nil {
			return fmt.Errorf("record %q: %w", e.Action, err)
		}
	}
	l := Link{
		Project: e.Project, ID: ident.New("A"), Actor: e.Actor, Action: e.Action, Outcome: e.Outcome, At: time.Now().UnixMilli(),
		Remote: e.Remote, Request: e.Request, Details: details,
	}
	if err := l.extend(tx); err != nil {
		return fmt.Errorf("record %q: %w", e.Action, err)
	}
	err := tx.Later(`INSERT INTO audit (`+linkColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		l.Project, l.Number, l.ID, l.Actor, l.Action, l.Outcome, l.At, l.Remote, l.Request, string(details), []byte(l.Hash))
	if err != nil {
		return fmt.Errorf("record %q: %w", e.Action, err)
	}
	return nil
}

const eventColumns = `id, project, actor, action, outcome, occurred_at, remote, request, details`

func scan(row store.Scanner) (Event, error) {
	var e Event
	var at int64
	var details string
	err := row.Scan(&e.ID, &e.Project, &e.Actor, &e.Action, &e.Outcome, &at, &e.Remote, &e.Request, &details)
	if err != nil {
		return Event{}, err
	}
	e.OccurredAt = time.UnixMilli(at).UTC()
	if err := json.Unmarshal([]byte(details), &e.Details); err != nil {
		return Event{}, fmt.Errorf("details of %s: %w", e.ID, err)
	}
	return e, nil
}
