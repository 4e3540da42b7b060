package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

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
	Named           []Named
	Text            string // in the action, the actor, the address or the details, whatever the case
	OldestFirst     bool
	Limit, Offset   int // a page has at most MostFound events, and 0 is as many
}

// A Named wants records whose details have a member, of text, with one of some
// values; OrNone wants those without the member, too.
type Named struct {
	Member string
	Values []string
	OrNone bool
}

// Find returns one page of the events that s wants, in the order in which they
// were written, and how many there are in all.
func Find(ctx context.Context, db *store.DB, s Search) (events []Event, total int, err error) {
	where, args := s.where()
	order := newestFirst
	if s.OldestFirst {
		order = ` ORDER BY number, occurred_at, id`
	}
	limit := s.Limit
	if limit <= 0 || limit > MostFound {
		limit = MostFound
	}
	err = db.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if err := tx.QueryRow(`SELECT count(*) FROM audit WHERE `+where, args...).Scan(&total); err != nil {
			return err
		}
		page := fmt.Sprintf(` LIMIT %d OFFSET %d`, limit, max(s.Offset, 0))
		events, err = store.Collect(tx, scan, `SELECT `+eventColumns+` FROM audit WHERE `+where+order+page, args...)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("search audit: %w", err)
	}
	return events, total, nil
}

// where writes the condition of a statement, and its arguments.
func (s Search) where() (string, []any) {
	args := []any{s.Project}
	next := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	parts := []string{`project = $1`}
	if !s.From.IsZero() {
		parts = append(parts, `occurred_at >= `+next(s.From.UnixMilli()))
	}
	if !s.To.IsZero() {
		parts = append(parts, `occurred_at <= `+next(s.To.UnixMilli()))
	}
	for _, in := range []struct {
		column, not string
		list        []string
	}{
		{"action", "", s.Actions},
		{"action", "NOT ", s.ExcludedActions},
		{"remote", "", s.Remotes},
		{"outcome", "", s.Outcomes},
	} {
		if len(in.list) == 0 {
			continue
		}
		var marks []string
		for _, v := range in.list {
			marks = append(marks, next(storable(v)))
		}
		parts = append(parts, in.column+` `+in.not+`IN (`+strings.Join(marks, ",")+`)`)
	}
	if len(s.Actors) > 0 {
		either := named(Named{Member: "actor", Values: s.Actors}, next)
		for _, v := range s.Actors {
			either = append(either, `actor = `+next(storable(v)))
		}
		parts = append(parts, `(`+strings.Join(either, ` OR `)+`)`)
	}
	for _, n := range s.Named {
		parts = append(parts, `(`+strings.Join(named(n, next), ` OR `)+`)`)
	}
	if s.Text != "" {
		text := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(storable(s.Text)))
		mark := next("%" + text + "%")
		var any []string
		for _, column := range []string{"action", "actor", "remote", "details"} {
			any = append(any, `LOWER(`+column+`) LIKE `+mark+` ESCAPE '\'`)
		}
		parts = append(parts, `(`+strings.Join(any, ` OR `)+`)`)
	}
	return strings.Join(parts, ` AND `), args
}

// named writes the conditions of which one must hold. Details are written without
// blanks and have no text in which a quotation mark is not escaped, so a member with
// its value is found as it is written. (LIKE would not tell capitals on SQLite.)
func named(n Named, next func(any) string) []string {
	var out []string
	for _, v := range n.Values {
		text, err := jsontext.AppendQuote(nil, storable(v))
		if err != nil {
			text = []byte(`""`) // which no member has
		}
		out = append(out, `REPLACE(details, `+next(`"`+n.Member+`":`+string(text))+`, '') <> details`)
	}
	if n.OrNone {
		out = append(out, `REPLACE(details, `+next(`"`+n.Member+`":"`)+`, '') = details`)
	}
	return out
}

// storable makes a text one that PostgreSQL can look for; what it cannot hold is
// in no record.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
