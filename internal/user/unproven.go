package user

import (
	"slices"

	"postern/internal/message"
	"postern/internal/store"
)

// Proves reports whether somebody who shows for the first time that an address is
// theirs thereby shows that the user is: the address is a login id. Where no login id
// is an address, any one that the user is reached at does, and named none: one that
// whoever has the user names now. For a user who is proven already it is false.
func (u *User) Proves(address string, named bool) bool {
	if !u.Unproven || address == "" || address == u.Email && u.VerifiedEmail || address == u.Phone && u.VerifiedPhone {
		return false
	}
	ids := u.addresses()
	return len(ids) == 0 && !named || slices.Contains(ids, address)
}

// shown reports whether every login id that is an address is known to be the user's;
// where none is, whether any address is.
func (u *User) shown() bool {
	ids := u.addresses()
	if len(ids) == 0 {
		return u.VerifiedEmail || u.VerifiedPhone
	}
	return !slices.ContainsFunc(ids, func(id string) bool {
		return (id != u.Email || !u.VerifiedEmail) && (id != u.Phone || !u.VerifiedPhone)
	})
}

// addresses returns the login ids that are addresses, as those are stored.
func (u *User) addresses() (out []string) {
	for _, id := range u.LoginIDs {
		if a := reached(id); a != "" {
			out = append(out, a)
		}
	}
	return out
}

// Claims reports whether an address is a login id that nobody has shown to be the user's.
func (u *User) Claims(address string) bool {
	return u.Unproven && slices.Contains(u.addresses(), address)
}

// reached returns the address that a login id is; none for one that is none.
func reached(loginID string) string {
	if a, err := address(loginID); err == nil {
		return a
	}
	if a, err := message.Phone(loginID); err == nil {
		return a
	}
	return ""
}

// Reclaim makes an unproven user the one of whoever has shown that an address is
// theirs, which u has as verified, as part of tx. Everything that the one who signed
// up has made goes: credentials, sessions, proofs that are pending, other addresses,
// and login ids that are such. It goes with the row of the user, so that it is all
// that a deletion takes, whatever there will be. The id stays, and what management has
// given: names, attributes, tenants, roles and applications.
func Reclaim(tx *store.Tx, u *User, address string) error {
	if err := Delete(tx, u.Project, u.ID); err != nil {
		return err
	}
	u.LoginIDs = slices.DeleteFunc(slices.Clone(u.LoginIDs), func(id string) bool { a := reached(id); return a != "" && a != address })
	if u.Email != address {
		u.Email, u.VerifiedEmail = "", false
	}
	if u.Phone != address {
		u.Phone, u.VerifiedPhone = "", false
	}
	u.Recovery, u.Methods, u.Unproven = Recovery{}, u.Methods&SCIM, false
	return u.insert(tx)
}
