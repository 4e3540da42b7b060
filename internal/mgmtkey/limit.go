package mgmtkey

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"postern/internal/store"
)

// bind refuses what would let maker reach through k what it does not reach
// itself: a time after its own expiry, an address that it may not be used from.
// before is k as it was, or nil for a new key: what only narrows a key is
// nobody's loss. A nil maker is an operator on the machine, whom nothing binds.
//
// The maker is read again: it may have been revoked since it was recognised.
func bind(tx *store.Tx, maker, before, k *Key) error {
	if maker == nil || before != nil && !k.looser(before) {
		return nil
	}
	now, err := get(tx, maker.ID)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && !now.usable(time.Now()):
		return ErrUnknown
	case err != nil:
		return err
	}
	return now.contains(k)
}

// looser reports whether k can be used when or where before cannot.
func (k *Key) looser(before *Key) bool {
	return before.Status != Active && k.Status == Active || !within(k.PermittedIPs, before.PermittedIPs)
}

// contains says how made outlasts or outreaches its maker k.
func (k *Key) contains(made *Key) error {
	if !k.ExpiresAt.IsZero() && (made.ExpiresAt.IsZero() || made.ExpiresAt.After(k.ExpiresAt)) {
		return ErrTooWeak.WithMessage("the management key expires at " + k.ExpiresAt.Format(time.RFC3339) +
			": a key that it makes or loosens must expire, and no later")
	}
	if !within(made.PermittedIPs, k.PermittedIPs) {
		return ErrTooWeak.WithMessage("the management key may be used from some addresses only: " +
			"a key that it makes or loosens needs permittedIps, each within one of its own")
	}
	return nil
}

// within reports whether each address that inner permits lies in a range of
// outer. No range at all permits every address.
func within(inner, outer []netip.Prefix) bool {
	if len(outer) == 0 {
		return true
	}
	return len(inner) > 0 && !slices.ContainsFunc(inner, func(p netip.Prefix) bool {
		return !slices.ContainsFunc(outer, func(o netip.Prefix) bool { return o.Bits() <= p.Bits() && o.Contains(p.Addr()) })
	})
}
