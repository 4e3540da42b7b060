// Package user keeps the people of a project: who they are, by which login ids
// they are found, which roles and tenants they have.
//
// It leaves to others what a role means (authz), what a tenant is (tenant), how a
// person proves who they are (one package a method) and what they may do after it
// (session). Which credentials a user has it knows as bits only, set by their
// owners.
package user

import (
	"maps"
	"slices"
	"time"

	"postern/internal/fault"
	"postern/internal/store"
)

// What callers are told.
var (
	ErrNotFound = fault.New(fault.NotFound, "E062108", "User not found")
	ErrExists   = fault.New(fault.Conflict, "E062107", "User already exists")
	ErrDisabled = fault.New(fault.Forbidden, "P40306", "the user is disabled")
	ErrLoginID  = fault.New(fault.Invalid, "E011003", "Request is invalid: a login id has 1 to 254 characters on one line")
)

// A Status says whether a user may sign in. The zero value may not.
type Status string

// The statuses.
const (
	Enabled  Status = "enabled"
	Disabled Status = "disabled"
	Invited  Status = "invited" // was not here yet; the first sign-in enables
	Expired  Status = "expired" // an invited one who did not come; never stored
)

// Methods are the credentials that a user has, as bits.
type Methods int64

// The credentials. Their owners set them with SetMethod.
const (
	Password Methods = 1 << iota
	TOTP
	Passkey
	SAML
	OAuth
	OIDC
	SCIM
	Push
	Questions
	RecoveryCodes
)

// A User is one person in one project.
type User struct {
	Project string
	ID      string
	// LoginIDs are what the user is found by, the first one first. Of none is found.
	LoginIDs []string
	// Home is the tenant in which alone the login ids count, and the only one that the
	// user belongs to; blank where they count in the whole project.
	Home   string
	Status Status

	Name, GivenName, MiddleName, FamilyName string

	Email         string // lower case
	Phone         string // E.164
	VerifiedEmail bool
	VerifiedPhone bool
	Recovery      Recovery
	Picture       string
	Test          bool
	Custom        map[string]any // custom attributes by name, of JSON's types
	Apps          []string       // ids of SSO applications

	Roles   []string     // ids of roles in the whole project, sorted
	Tenants []Membership // sorted by tenant

	Methods Methods
	// Unproven is who signed up, and has not shown yet that the login id is theirs: it
	// may be somebody else's address. Save and Create end it where it is shown.
	Unproven     bool
	CreatedAt    time.Time
	ModifiedAt   time.Time
	LastLoginAt  time.Time // zero for never
	ExpiresAt    time.Time // of an invitation; zero for never
	ConsentUntil time.Time // to impersonation
}

// Recovery is a second way to reach a user.
type Recovery struct {
	Email         string `json:"email,omitzero"`
	Phone         string `json:"phone,omitzero"`
	VerifiedEmail bool   `json:"verifiedEmail,omitzero"`
	VerifiedPhone bool   `json:"verifiedPhone,omitzero"`
}

// A Membership is a tenant that a user belongs to, and the ids of the roles there.
type Membership struct {
	Tenant string
	Roles  []string
}

// In returns the membership in a tenant.
func (u *User) In(tenant string) (Membership, bool) {
	i := slices.IndexFunc(u.Tenants, func(m Membership) bool { return m.Tenant == tenant })
	if i < 0 {
		return Membership{}, false
	}
	return u.Tenants[i], true
}

// Roles returns the ids of the roles in each tenant of some memberships.
func Roles(list []Membership) map[string][]string {
	out := map[string][]string{}
	for _, m := range list {
		out[m.Tenant] = m.Roles
	}
	return out
}

// Memberships returns the memberships with some roles in each tenant, sorted.
func Memberships(roles map[string][]string) []Membership {
	out := make([]Membership, 0, len(roles))
	for _, tenant := range slices.Sorted(maps.Keys(roles)) {
		out = append(out, Membership{tenant, roles[tenant]})
	}
	return out
}

// Has reports whether the user has a credential.
func (u *User) Has(m Methods) bool { return u.Methods&m != 0 }

// StatusAt is the status at a time: an invitation that has ended is Expired.
func (u *User) StatusAt(now time.Time) Status {
	if u.Status == Invited && !u.ExpiresAt.IsZero() && now.After(u.ExpiresAt) {
		return Expired
	}
	return u.Status
}

// MaySignIn says why a user must not sign in, or nil.
func (u *User) MaySignIn(now time.Time) error {
	switch {
	case u.Status != Enabled && u.Status != Invited:
		return ErrDisabled
	case !u.ExpiresAt.IsZero() && now.After(u.ExpiresAt):
		return ErrDisabled
	}
	return nil
}

// Service keeps users.
type Service struct {
	DB *store.DB
	// EndSessions ends the sessions of a user who is disabled, as part of tx, and returns
	// how many those were. Without it nobody can be disabled.
	EndSessions func(tx *store.Tx, project, user string) (int64, error)
}
