// Package limit counts attempts and refuses those over a limit. The counts are
// rows, so that all servers on one database count together.
//
// What is limited, how often it may be tried and who counts as the same subject
// is for the packages above. Which answer a refusal becomes is for the edges.
package limit

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"postern/internal/fault"
	"postern/internal/store"
)

// ErrExceeded refuses an attempt over a limit. Its details are a Wait.
var ErrExceeded = fault.New(fault.Limited, "E130429", "API rate limit exceeded")

// errTwice is a mistake of a caller: one attempt would count twice.
var errTwice = errors.New("two attempts of one call count in the same place")

// A Wait says when to try again.
type Wait struct {
	Seconds int `json:"seconds"` // at least 1
}

// RetryAfter returns the whole seconds to wait, at least 1.
func (w Wait) RetryAfter() int { return w.Seconds }

// A Rule lets each subject try something so often. The time begins with the
// first try and all of them are forgotten at its end: around an end there may be
// twice as many within less than that time.
type Rule struct {
	Scope  string        // names what is tried, such as "otp.verify.user"; the counts of scopes are apart
	Max    int           // so many tries pass; 0 or less lets none pass
	Within time.Duration // to the millisecond
}

// An Attempt is one try of a subject: a login id, a user, an address. Whatever it
// is, only its SHA-256 is stored. Subjects that must count as one must be
// spelled alike.
type Attempt struct {
	Rule    Rule
	Subject string
}

// Service counts.
type Service struct {
	DB   *store.DB
	Rows *store.Cap // of Bounded; nil is no bound
	over over
}

// Bounded bounds the counts of a project: a guesser who takes another login id each time
// makes a row each time. Those that mean nothing soonest give way.
func Bounded(db *store.DB, most int) *store.Cap {
	return db.Cap(most, "counts of attempts", `DELETE FROM limits WHERE (project, scope, subject) IN (
		SELECT project, scope, subject FROM limits WHERE project = $1 ORDER BY expires_at DESC LIMIT $3 OFFSET $2)`)
}

// Hit counts one attempt, or refuses it with ErrExceeded. An attempt that is
// refused is not counted: it does not make the time longer. After any other error
// nobody knows whether it may pass, so it may not.
func (s *Service) Hit(ctx context.Context, project string, rule Rule, subject string) error {
	return s.HitAll(ctx, project, Attempt{Rule: rule, Subject: subject})
}

// HitAll is Hit for several attempts, in one transaction: if one of them is
// refused none is counted. So who is refused for an address cannot use up the
// attempts of a login id. The refusal names the longest wait among them.
//
// The transaction is of the count alone: it is not serializable, so that many
// who count in one place wait for each other, and do not run again.
func (s *Service) HitAll(ctx context.Context, project string, attempts ...Attempt) error {
	list, err := s.prepare(project, attempts)
	if err != nil || len(list) == 0 {
		return err
	}
	var refused []counter
	err = s.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		refused, err = count(tx, list)
		if err == nil && len(refused) > 0 {
			err = exceeded(refused)
		}
		return err
	})
	if errors.Is(err, ErrExceeded) {
		s.over.add(refused)
		return err
	}
	if err != nil {
		return fmt.Errorf("count attempts: %w", err)
	}
	return s.Rows.Added(ctx, project, len(list))
}

// HitIn is HitAll inside a transaction of the caller, and counts if that commits:
// who returns its refusal from the transaction counts nothing at all. On
// PostgreSQL transactions that count in one place at once lose against each other
// and run again, so it is for what few do at once: the attempts on one user, and
// not those from an address.
func (s *Service) HitIn(tx *store.Tx, project string, attempts ...Attempt) error {
	list, err := s.prepare(project, attempts)
	if err != nil || len(list) == 0 {
		return err
	}
	refused, err := count(tx, list)
	switch {
	case err != nil:
		return fmt.Errorf("count attempts: %w", err)
	case len(refused) > 0: // not kept in mind: the transaction may have counted itself, and be rolled back
		return exceeded(refused)
	}
	s.Rows.Note(project, len(list))
	return nil
}

// ResetIn forgets the attempts of a subject, as after one that was right, inside a
// transaction of the caller. Where one was refused just before, this server goes on to
// refuse for up to a second.
func (s *Service) ResetIn(tx *store.Tx, project string, rule Rule, subject string) error {
	c := newCounter(project, Attempt{Rule: rule, Subject: subject}, time.Now())
	_, err := tx.Exec(`DELETE FROM limits WHERE project = $1 AND scope = $2 AND subject = $3`, c.project, c.Scope, c.subject[:])
	return err
}

// ClearIn forgets attempts inside a transaction of the caller, because what was tried
// went right, unless they are over a limit: that is refused as HitIn refuses it.
func (s *Service) ClearIn(tx *store.Tx, project string, attempts ...Attempt) error {
	list, err := s.prepare(project, attempts)
	if err != nil {
		return err
	}
	var refused []counter
	for _, c := range list {
		over, err := c.clear(tx)
		if err != nil {
			return fmt.Errorf("forget attempts: %w", err)
		}
		if over {
			refused = append(refused, c)
		}
	}
	if len(refused) > 0 {
		return exceeded(refused)
	}
	return nil
}

// AnyIn reports whether anything of attempts counts, or may, inside a transaction of
// the caller: whether ClearIn has something to do for them. It is one statement,
// however many they are.
func (s *Service) AnyIn(tx *store.Tx, project string, attempts ...Attempt) (bool, error) {
	ask, counted, err := s.AskAny(project, attempts...)
	if err == nil {
		err = tx.Together(ask)
	}
	if err != nil {
		return false, fmt.Errorf("look for attempts: %w", err)
	}
	return counted(), nil
}

// AskAny returns the statement of AnyIn, to be run together with others, and what came
// of it.
func (s *Service) AskAny(project string, attempts ...Attempt) (ask store.Ask, counted func() bool, err error) {
	list, err := s.prepare(project, attempts)
	some := errors.Is(err, ErrExceeded) || len(list) >= len(anyOf) // so many that one statement for each does as well
	if err != nil && !some {
		return ask, nil, err
	}
	if !some && len(list) > 0 {
		args := make([]any, 1, 1+2*len(list))
		args[0] = project
		for i := range list {
			args = append(args, list[i].Scope, list[i].subject[:])
		}
		ask = store.One(func(row store.Scanner) error {
			err := row.Scan(new(int64))
			some = err == nil
			return err
		}, anyOf[len(list)], args...)
	}
	return ask, func() bool { return some }, nil
}

// anyOf are the statements that find one of as many counters as their index.
var anyOf = anyOfUpTo(8)

func anyOfUpTo(most int) []string {
	all, text := make([]string, most+1), ""
	for i := range most {
		if i > 0 {
			text += " UNION ALL "
		}
		text += fmt.Sprintf("SELECT 1 FROM limits WHERE project = $1 AND scope = $%d AND subject = $%d", 2*i+2, 2*i+3)
		all[i+1] = text + " LIMIT 1"
	}
	return all
}

// Expire deletes what means nothing any more, and returns how many rows it were.
// Several servers may do so at once.
func (s *Service) Expire(ctx context.Context) (int, error) {
	n, err := s.DB.Prune(ctx, `DELETE FROM limits WHERE (project, scope, subject) IN (
		SELECT project, scope, subject FROM limits WHERE expires_at <= $1 LIMIT $2) AND expires_at <= $1`, time.Now().UnixMilli())
	if err != nil {
		return n, fmt.Errorf("forget old attempts: %w", err)
	}
	return n, nil
}

// A counter is where an attempt counts.
type counter struct {
	place
	at   time.Time     // of the attempt
	wait time.Duration // until the next, once it was refused
}

// A place is what a counter counts, for whom and by which rule.
type place struct {
	project string
	Rule
	subject [sha256.Size]byte
}

func newCounter(project string, a Attempt, now time.Time) counter {
	var room [256]byte
	text := room[:0]
	for _, part := range [...]string{project, a.Rule.Scope, a.Subject} {
		text = append(append(strconv.AppendInt(text, int64(len(part)), 10), ':'), part...)
	}
	return counter{place: place{project: project, Rule: a.Rule, subject: sha256.Sum256(text)}, at: now}
}

// prepare returns where attempts count, in one order for all, so that no two
// transactions wait for each other in a circle. It refuses those that are known
// to be over, so that a flood of them neither writes nor waits for who does.
func (s *Service) prepare(project string, attempts []Attempt) ([]counter, error) {
	now := time.Now()
	list := make([]counter, 0, len(attempts))
	var refused []counter
	for _, a := range attempts {
		c := newCounter(project, a, now)
		if c.wait = s.over.wait(c); c.Max <= 0 {
			c.wait = max(c.wait, c.Within)
		}
		if list = append(list, c); c.wait > 0 || c.Max <= 0 {
			refused = append(refused, c)
		}
	}
	slices.SortFunc(list, func(a, b counter) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), bytes.Compare(a.subject[:], b.subject[:]))
	})
	for i := 1; i < len(list); i++ {
		if list[i].Scope == list[i-1].Scope && list[i].subject == list[i-1].subject {
			return nil, errTwice
		}
	}
	if len(refused) > 0 {
		return nil, exceeded(refused)
	}
	return list, nil
}

// exceeded is the refusal of all of refused.
func exceeded(refused []counter) error {
	var longest time.Duration
	for _, c := range refused {
		longest = max(longest, c.wait)
	}
	seconds := int((longest + time.Second - 1) / time.Second)
	return ErrExceeded.With(Wait{Seconds: max(seconds, 1)})
}

// count counts each of list, and returns those that are over their limits.
func count(tx *store.Tx, list []counter) ([]counter, error) {
	var refused []counter
	for _, c := range list {
		passed, err := c.count(tx)
		if err == nil && !passed {
			err = c.left(tx)
			refused = append(refused, c)
		}
		if err != nil {
			return nil, err
		}
	}
	return refused, nil
}

// count is one statement, so that of many who try at once exactly Max pass. The
// clocks of servers differ, and may be set back: a time that begins later than
// it can is over.
func (c *counter) count(tx *store.Tx) (passed bool, err error) {
	var tries int64
	err = tx.QueryRow(`INSERT INTO limits (project, scope, subject, since, tries, expires_at) VALUES ($1, $2, $3, $4, 1, $5)
		ON CONFLICT (project, scope, subject) DO UPDATE SET
			tries = CASE WHEN limits.since > $6 AND limits.since < $5 THEN limits.tries + 1 ELSE 1 END,
			since = CASE WHEN limits.since > $6 AND limits.since < $5 THEN limits.since ELSE $4 END,
			expires_at = CASE WHEN limits.since > $6 AND limits.since < $5 THEN limits.since + $7 ELSE $5 END
		WHERE limits.tries < $8 OR limits.since <= $6 OR limits.since >= $5
		RETURNING tries`,
		c.project, c.Scope, c.subject[:], c.at.UnixMilli(), c.at.Add(c.Within).UnixMilli(), c.at.Add(-c.Within).UnixMilli(), c.Within.Milliseconds(), c.Max).Scan(&tries)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// clear forgets the tries of c, and reports whether another one would be refused.
func (c *counter) clear(tx *store.Tx) (over bool, err error) {
	var since, tries int64
	err = tx.QueryRow(`DELETE FROM limits WHERE project = $1 AND scope = $2 AND subject = $3 RETURNING since, tries`, c.project, c.Scope, c.subject[:]).Scan(&since, &tries)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	c.wait = time.UnixMilli(since).Add(c.Within).Sub(c.at)
	return tries >= int64(c.Max) && c.wait > 0 && c.wait < 2*c.Within, err
}

// left finds how long c must wait.
func (c *counter) left(tx *store.Tx) error {
	var since int64
	err := tx.QueryRow(`SELECT since FROM limits WHERE project = $1 AND scope = $2 AND subject = $3`, c.project, c.Scope, c.subject[:]).Scan(&since)
	if errors.Is(err, sql.ErrNoRows) { // another forgot it just now
		c.wait = time.Second
		return nil
	}
	c.wait = time.UnixMilli(since).Add(c.Within).Sub(c.at)
	return err
}
