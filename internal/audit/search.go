package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/store"
)

// MostFound is how many events one page of a search has at most.
const MostFound = 1000

// A Search says which events are wanted. Its zero value wants all of those of
// the whole server.
type Search struct {
	Project         string // whose events; empty are those of the whole server
	From, To        time.Time
	Actions         []string // any of these
	ExcludedActions []string
	Actors          []string // or the member actor of the details
	Remotes         []string
	Outcomes        []string
	Users           []string
	Tenants         []string
	OrNoTenant      bool     // also what no tenant has, where tenants are named
	Methods         []string // of authentication
	Not             *Search  // what is wanted by none of its lists
	Text            string   // in the action, the actor, the address or the details, whatever the case
	OldestFirst     bool
	Limit, Offset   int // a page has at most MostFound events, and 0 is as many
	// People finds what the people of a project did as well: for who may see them.
	People bool
	// More writes further conditions about a person, whose id is in a column user and
	// whose client is in a column agent; both are empty of the chain, which has neither.
	More func(user, agent string, arg func(any) string) []string
}

// A Source is a table whose rows are events. Its members are columns, or what else may
// stand in a SELECT; what is empty no row has.
type Source struct {
	Table   string
	Project string
	ID      string
	Number  string // in the order in which they were written
	Actor   string
	Action  string
	Outcome string
	At      string
	Step    int64 // how many milliseconds are one of At
	Remote  string
	Request string
	Details string // JSON
	User    string
	Tenant  string
	Method  string
	Agent   string
	Reason  string // the code of an error
}

// chained are the records of the chain, where a user and a tenant are in the details.
var chained = Source{
	Table: "audit", Project: "project", ID: "id", Number: "number", Actor: "actor", Action: "action", Outcome: "outcome", At: "occurred_at", Step: 1,
	Remote: "remote", Request: "request", Details: "details",
}

// acted are the acts of people.
var acted = Source{
	Table: "acts", Project: "project", ID: "id", Actor: "COALESCE(user_id, '')", Action: "action", Outcome: "outcome", At: "acted_at", Step: 1,
	Remote: "remote", Request: "request", User: "COALESCE(acts.user_id, '')", Tenant: "tenant", Method: "method", Agent: "agent", Reason: "reason",
}

// Find returns one page of the events that s wants, and how many there are in all: those
// of the chain, in the order in which they were written, and where people are wanted those
// of the people of a project, too, with those of further sources, in the order of time.
func Find(ctx context.Context, db *store.DB, s Search, more ...Source) (events []Event, total int, err error) {
	from := []Source{chained}
	if s.Project != "" && s.People {
		from = append(append(from, acted), more...)
	}
	limit := s.Limit
	if limit <= 0 || limit > MostFound {
		limit = MostFound
	}
	offset := max(s.Offset, 0)
	err = db.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		for _, of := range from {
			var n int
			where, args := s.where(of)
			if err := tx.QueryRow(`SELECT count(*) FROM `+of.Table+` WHERE `+where, args...).Scan(&n); err != nil {
				return err
			}
			total += n
		}
		var parts []string
		var args []any
		for _, of := range from {
			part, all := s.page(of, args, limit+offset)
			parts, args = append(parts, part), all
		}
		events, err = store.Collect(tx, func(row store.Scanner) (Event, error) {
			e, _, err := scanFound(row)
			return e, err
		}, `SELECT * FROM (`+strings.Join(parts, ` UNION ALL `)+`) found`+s.order("occurred_at")+
			fmt.Sprintf(` LIMIT %d OFFSET %d`, limit, offset), args...)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("search audit: %w", err)
	}
	return events, total, nil
}

// order is that of time, and of what is written in one millisecond that of writing.
func (s Search) order(at string) string {
	switch { // the whole server has the chain alone
	case s.Project == "" && s.OldestFirst:
		return ` ORDER BY number, ` + at + `, id`
	case s.Project == "":
		return ` ORDER BY number DESC, ` + at + ` DESC, id DESC`
	case s.OldestFirst:
		return ` ORDER BY ` + at + `, number, id`
	}
	return ` ORDER BY ` + at + ` DESC, number DESC, id DESC`
}

// page writes a statement of the first rows of a source, whose arguments come after
// others.
func (s Search) page(of Source, before []any, limit int) (string, []any) {
	where, args := s.whereAfter(of, before)
	return `SELECT * FROM (SELECT ` + of.columns() + ` WHERE ` + where + s.order(of.At) + fmt.Sprintf(` LIMIT %d) %s_page`, limit, of.Table), args
}

// columns are what scanFound reads of a source, and the FROM after them.
func (of Source) columns() string {
	text := func(expression string) string { return cmp.Or(expression, `''`) }
	return of.ID + ` AS id, ` + of.Project + ` AS project, ` + of.Actor + ` AS actor, ` + of.Action + ` AS action, ` + of.Outcome + ` AS outcome, ` +
		of.At + ` * ` + strconv.FormatInt(of.Step, 10) + ` AS occurred_at, ` + of.Remote + ` AS remote, ` + text(of.Request) + ` AS request, ` +
		cmp.Or(of.Details, `'{}'`) + ` AS details, ` + text(of.User) + ` AS user_id, ` + text(of.Tenant) + ` AS tenant, ` + text(of.Method) + ` AS method, ` +
		text(of.Agent) + ` AS agent, ` + text(of.Reason) + ` AS reason, ` + cmp.Or(of.Number, `0`) + ` AS number FROM ` + of.Table
}

func scanFound(row store.Scanner) (e Event, number int64, err error) {
	var at int64
	var details, reason string
	err = row.Scan(&e.ID, &e.Project, &e.Actor, &e.Action, &e.Outcome, &at, &e.Remote, &e.Request, &details, &e.User, &e.Tenant, &e.Method, &e.Agent, &reason, &number)
	if err != nil {
		return Event{}, 0, err
	}
	e.OccurredAt = time.UnixMilli(at).UTC()
	if err := json.Unmarshal([]byte(details), &e.Details); err != nil {
		return Event{}, 0, fmt.Errorf("details of %s: %w", e.ID, err)
	}
	if reason != "" {
		e.Details["code"] = reason
	}
	return e, number, nil
}

// where writes the condition of a statement about a source, and its arguments.
func (s Search) where(of Source) (string, []any) { return s.whereAfter(of, nil) }

func (s Search) whereAfter(of Source, before []any) (string, []any) {
	args := append(slices.Clip(before), s.Project)
	next := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	parts := []string{of.Project + ` = $` + strconv.Itoa(len(args))}
	if !s.From.IsZero() {
		parts = append(parts, of.At+` >= `+next((s.From.UnixMilli()+of.Step-1)/of.Step))
	}
	if !s.To.IsZero() {
		parts = append(parts, of.At+` <= `+next(s.To.UnixMilli()/of.Step))
	}
	parts = append(parts, s.lists(of, next)...)
	if len(s.ExcludedActions) > 0 {
		parts = append(parts, `NOT (`+among(of.Action, s.ExcludedActions, next)+`)`)
	}
	if s.Not != nil {
		for _, part := range s.Not.lists(of, next) {
			parts = append(parts, `NOT (`+part+`)`)
		}
	}
	if s.Text != "" {
		text := store.InLike(strings.ToLower(storable(s.Text)))
		mark := next("%" + text + "%")
		var any []string
		for _, column := range []string{of.Action, of.Actor, of.Remote, of.Details, of.Method, of.Agent, of.Reason} {
			if column != "" {
				any = append(any, `LOWER(`+column+`) LIKE `+mark+` ESCAPE '\'`)
			}
		}
		parts = append(parts, `(`+strings.Join(any, ` OR `)+`)`)
	}
	if s.More != nil {
		parts = append(parts, s.More(of.User, of.Agent, func(v any) string {
			if text, ok := v.(string); ok {
				v = storable(text)
			}
			return next(v)
		})...)
	}
	return strings.Join(parts, ` AND `), args
}

// lists writes what the lists of s want of a source, each as one condition.
func (s Search) lists(of Source, next func(any) string) []string {
	var parts []string
	for _, in := range []struct {
		column string
		list   []string
	}{
		{of.Action, s.Actions}, {of.Remote, s.Remotes}, {of.Outcome, s.Outcomes}, {of.Method, s.Methods},
	} {
		if len(in.list) > 0 {
			parts = append(parts, among(in.column, in.list, next))
		}
	}
	for _, in := range []struct {
		column, member string
		list           []string
		orNone         bool
	}{
		{of.User, DetailUser, s.Users, false}, {of.Tenant, DetailTenant, s.Tenants, s.OrNoTenant}, {of.Actor, DetailActor, s.Actors, false},
	} {
		if len(in.list) == 0 {
			continue
		}
		var either []string
		if of.Details != "" {
			either = named(in.member, in.list, in.orNone, next)
		}
		if in.column != "" {
			either = append(either, among(in.column, in.list, next))
			if in.orNone {
				either = append(either, in.column+` = ''`)
			}
		}
		parts = append(parts, `(`+strings.Join(either, ` OR `)+`)`)
	}
	return parts
}

// among writes that a column has one of some values; of no column nothing has.
func among(column string, values []string, next func(any) string) string {
	if column == "" {
		return `1 = 0`
	}
	var marks []string
	for _, v := range values {
		marks = append(marks, next(storable(v)))
	}
	return column + ` IN (` + strings.Join(marks, ",") + `)`
}

// named writes the conditions of which one must hold where details have a member, of
// text, with one of some values; or with orNone none. Details are written without
// blanks and have no text in which a quotation mark is not escaped, so a member with
// its value is found as it is written. (LIKE would not tell capitals on SQLite.)
func named(member string, values []string, orNone bool, next func(any) string) []string {
	var out []string
	for _, v := range values {
		text, err := jsontext.AppendQuote(nil, storable(v))
		if err != nil {
			text = []byte(`""`) // which no member has
		}
		out = append(out, `REPLACE(details, `+next(`"`+member+`":`+string(text))+`, '') <> details`)
	}
	if orNone {
		out = append(out, `REPLACE(details, `+next(`"`+member+`":"`)+`, '') = details`)
	}
	return out
}

// storable makes a text one that PostgreSQL can look for; what it cannot hold is
// in no record.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
