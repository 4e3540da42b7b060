package user

import (
	"slices"
	"strings"

	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/project"
)

// ErrNoSignUp is a stranger at a project that takes in only whom it invites.
var ErrNoSignUp = fault.New(fault.Forbidden, "P40308", "the project does not let strangers sign up; it must invite them")

// ErrAddress is a login id that is an address, with another address beside it.
var ErrAddress = fault.New(fault.Invalid, "E011003", "Request is invalid: a login id that is an address must be the address that is given beside it")

// A Profile is what somebody says of themselves when they sign up: SignUpUser of the
// wire.
type Profile struct {
	Name, GivenName, MiddleName, FamilyName string

	Email, Phone                 string
	RecoveryEmail, RecoveryPhone string
}

// New returns the user that a sign-up makes, not yet stored and not proven: with the
// roles that every new user has, and a test user where the project says so. A login id that is
// an address or a number is taken for it where the profile has none.
func New(c *project.Config, home, loginID string, p Profile) (*User, error) {
	if !c.Settings.SelfProvisioning {
		return nil, ErrNoSignUp
	}
	u, err := Prepare(c, home, loginID, p)
	if err != nil {
		return nil, err
	}
	// Else a stranger takes somebody's address for a login id, and gets what is
	// sent to it under another one.
	id := u.LoginIDs[0]
	if email, err := address(id); err == nil && email != u.Email {
		return nil, ErrAddress
	}
	if phone, err := message.Phone(id); err == nil && phone != u.Phone {
		return nil, ErrAddress
	}
	u.Unproven = true
	return u, nil
}

// Prepare is New for users who do not come by themselves.
func Prepare(c *project.Config, home, loginID string, p Profile) (*User, error) {
	id, err := LoginID(loginID)
	if err != nil {
		return nil, err
	}
	u := &User{
		Project: c.Project, LoginIDs: []string{id}, Home: home, Status: Enabled,
		Test: IsTest(c, id),
	}
	said := Change{Name: &p.Name, GivenName: &p.GivenName, MiddleName: &p.MiddleName, FamilyName: &p.FamilyName}
	if err := said.names(u); err != nil {
		return nil, err
	}
	for _, v := range []struct {
		given string
		into  *string
		check func(string) (string, error)
		ofID  bool
	}{
		{p.Email, &u.Email, address, true},
		{p.Phone, &u.Phone, message.Phone, true},
		{p.RecoveryEmail, &u.Recovery.Email, address, false},
		{p.RecoveryPhone, &u.Recovery.Phone, message.Phone, false},
	} {
		if v.given != "" {
			if *v.into, err = v.check(v.given); err != nil {
				return nil, err
			}
		} else if v.ofID {
			if found, err := v.check(id); err == nil {
				*v.into = found
			}
		}
	}
	for _, r := range c.Roles {
		if r.Default {
			u.Roles = append(u.Roles, r.ID)
		}
	}
	slices.Sort(u.Roles)
	return u, nil
}

// address returns a mail address as it is compared and stored: in lower case.
func address(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	return s, message.CheckEmail(s)
}

// IsTest reports whether users with a login id are test users of a project: nothing
// is ever delivered to them.
func IsTest(c *project.Config, loginID string) bool {
	return c.Settings.TestUsers != nil && c.Settings.TestUsers.MatchString(loginID)
}
