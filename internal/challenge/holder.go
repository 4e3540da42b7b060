package challenge

import (
	"errors"

	"postern/internal/audit"
	"postern/internal/store"
	"postern/internal/user"
)

// A holder is what is known of whether who completes a proof is who has signed up:
// they show the refresh token of a session of the user. That the proof was begun in
// such a session says nothing. Whoever signed up with the address of somebody else
// can begin it, and have them complete it.
type holder struct {
	known bool // it has been looked up
	same  bool
	user  string // of whom it must be known
	by    audit.Origin
}

// errHolder ends a transaction that must know it, and does not.
var errHolder = errors.New("whether it is who has signed up must be known")

// holds returns nil where it is who has a session of u, and user.ErrExists where it
// is not.
func (h *holder) holds(u *user.User) error {
	switch {
	case !h.known:
		h.user = u.ID
		return errHolder
	case !h.same:
		return user.ErrExists
	}
	return nil
}

// settle stores a user who is proven by an address for the first time, as part of tx.
// Unless it is who has signed up, what that one has made goes.
func (h *holder) settle(tx *store.Tx, u *user.User, address string) error {
	switch {
	case !h.known:
		h.user = u.ID
		return errHolder
	case h.same:
		return user.Save(tx, u)
	}
	had := u.Methods
	if err := user.Reclaim(tx, u, address); err != nil {
		return err
	}
	h.by.Actor = u.ID
	e := h.by.Event("user.reclaim", audit.Done)
	e.Project, e.Details = u.Project, map[string]any{"user": u.ID, "hadCredentials": had != 0}
	return audit.Record(tx, e)
}
