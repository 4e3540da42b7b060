package session

import (
	"errors"
	"net/netip"
	"time"

	"postern/internal/limit"
	"postern/internal/store"
)

// A Bound is how many answers about one subject that may be guesses are taken in a
// time. From one client come few, so that it locks nobody else out. All others
// together have a bound of their own, which is not for clients that the user has
// signed in from: many guessers lock out the user at a new place, and nowhere else.
// The two together are to be fewer than the 100 in a row of NIST SP 800-63B-4 §3.2.2.
type Bound struct {
	Scope  string
	Here   int // from one client
	All    int // from all that are not known; 0 for no such bound
	Within time.Duration
}

// A Guess is an answer that may be one.
type Guess struct {
	Project  string
	Client   Client
	User     string   // id of whom it is about; blank for nobody
	Subjects []string // that it counts for
}

// Count counts a guess, as part of tx, or refuses it with limit.ErrExceeded. One that
// is refused for all may count for the client, if the transaction commits.
func (g Guess) Count(tx *store.Tx, limits *limit.Service, b Bound) error {
	here, all := g.attempts(b)
	return g.both(tx, func(list []limit.Attempt) error { return limits.HitIn(tx, g.Project, list...) }, here, all)
}

// Clear forgets the guesses of the client and those of all, as part of tx, because the
// answer was right. It is refused as Count refuses one, which a right answer is not
// counted by.
func (g Guess) Clear(tx *store.Tx, limits *limit.Service, b Bound) error {
	here, all := g.attempts(b)
	if counted, err := limits.AnyIn(tx, g.Project, append(here, all...)...); err != nil || !counted {
		return err
	}
	return g.both(tx, func(list []limit.Attempt) error { return limits.ClearIn(tx, g.Project, list...) }, here, all)
}

// Attempts are what a guess counts as, so that several guesses are looked for at once
// before they are cleared: mostly nothing was wrong before.
func (g Guess) Attempts(b Bound) []limit.Attempt {
	here, all := g.attempts(b)
	return append(here, all...)
}

// Forget is Clear for an answer that was counted as a guess beforehand.
func (g Guess) Forget(tx *store.Tx, limits *limit.Service, bounds ...Bound) error {
	for _, b := range bounds {
		here, all := g.attempts(b)
		for _, a := range append(here, all...) {
			if err := limits.ResetIn(tx, g.Project, a.Rule, a.Subject); err != nil {
				return err
			}
		}
	}
	return nil
}

// both does something with the attempts of the client, and with those of all. Where
// these are refused the user may be known here.
func (g Guess) both(tx *store.Tx, do func([]limit.Attempt) error, here, all []limit.Attempt) error {
	if err := do(here); err != nil {
		return err
	}
	err := do(all)
	if !errors.Is(err, limit.ErrExceeded) {
		return err
	}
	known, knownErr := g.known(tx)
	switch {
	case knownErr != nil:
		return knownErr
	case known:
		return nil
	}
	return err
}

func (g Guess) attempts(b Bound) (here, all []limit.Attempt) {
	from := " from " + g.Client.network()
	for _, s := range g.Subjects {
		here = append(here, limit.Attempt{Rule: limit.Rule{Scope: b.Scope, Max: b.Here, Within: b.Within}, Subject: s + from})
		if b.All > 0 {
			all = append(all, limit.Attempt{Rule: limit.Rule{Scope: b.Scope + ".all", Max: b.All, Within: b.Within}, Subject: s})
		}
	}
	return here, all
}

// known reports whether the user has signed in from the client's network before.
func (g Guess) known(tx *store.Tx) (bool, error) {
	here := g.Client.network()
	if g.User == "" || here == "" {
		return false, nil
	}
	list, err := store.Collect(tx, func(row store.Scanner) (a string, err error) { return a, row.Scan(&a) },
		`SELECT DISTINCT address FROM logins WHERE project = $1 AND user_id = $2`, g.Project, g.User)
	for _, address := range list {
		if (Client{Address: address}).network() == here {
			return true, err
		}
	}
	return false, err
}

// network returns what counts as one client, as limits count addresses. It is blank
// where the address is not known.
func (c Client) network() string {
	a, err := netip.ParseAddr(c.Address)
	if err != nil {
		return ""
	}
	return limit.Address(a)
}
