package user

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/project"
)

// What of a change is refused.
var (
	ErrText    = fault.New(fault.Invalid, "E011003", "Request is invalid: a text of the user is too long, or has control characters")
	ErrPicture = fault.New(fault.Invalid, "E011003", "Request is invalid: a picture is the URL of one, of http or https, or the image itself as a data URL")
	ErrStatus  = fault.New(fault.Invalid, "E011003", `Request is invalid: the status must be "enabled", "disabled" or "invited"`)
	ErrLastID  = fault.New(fault.Invalid, "E011003", "Request is invalid: the only login id of a user cannot be removed")
	ErrLoginOf = fault.New(fault.Invalid, "E011003", "Request is invalid: the user has no such login id")
	ErrMany    = fault.New(fault.Invalid, "E011003", "Request is invalid: a user has at most 50 login ids, 200 tenants, 200 roles in each and 200 applications")
)

// The bounds of what one user has.
const (
	mostLoginIDs = 50
	mostOfAUser  = 200
	longestName  = 254     // bytes
	longestURL   = 8 << 10 // bytes, of a picture
)

// A Change is what is to be otherwise about a user. What is nil stays as it is.
type Change struct {
	Name, GivenName, MiddleName, FamilyName, Picture *string

	Email, Phone                 *string // blank removes
	VerifiedEmail, VerifiedPhone *bool   // where nil, another address is not verified

	RecoveryEmail, RecoveryPhone                 *string
	VerifiedRecoveryEmail, VerifiedRecoveryPhone *bool

	Status       *Status
	ConsentUntil *time.Time     // to impersonation
	Custom       map[string]any // custom attributes; a null removes
	WholeCustom  bool           // those that Custom does not name are removed
	MoreLoginIDs *[]string      // the login ids but the first
	Roles        *[]string      // ids
	Tenants      *[]Membership
	Apps         *[]string
}

// Apply changes a user who is not stored yet, or will be again; after an error it is
// worth nothing. Whether a login id is free and a tenant or a role exists is not its
// business.
func (ch Change) Apply(c *project.Config, u *User) error {
	if ch.Apps != nil {
		if err := c.CheckApps(*ch.Apps, u.Apps); err != nil {
			return err
		}
	}
	for _, step := range []func(*User) error{ch.names, ch.addresses, ch.belongings, ch.standing} {
		if err := step(u); err != nil {
			return err
		}
	}
	return ch.attributes(c, u)
}

func (ch Change) names(u *User) error {
	for _, v := range []struct {
		to   *string
		into *string
		most int
	}{
		{ch.Name, &u.Name, longestName},
		{ch.GivenName, &u.GivenName, longestName},
		{ch.MiddleName, &u.MiddleName, longestName},
		{ch.FamilyName, &u.FamilyName, longestName},
		{ch.Picture, &u.Picture, longestURL},
	} {
		if v.to == nil {
			continue
		}
		text, err := plain(*v.to, v.most)
		if err != nil {
			return err
		}
		*v.into = text
	}
	if ch.Picture != nil && !isPicture(u.Picture) {
		return ErrPicture
	}
	return nil
}

// plain returns a text of a user without blanks around it, of so many bytes at most.
func plain(text string, most int) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) > most || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", ErrText
	}
	return text, nil
}

// isPicture reports whether pages may show a text as where a picture is: it runs
// nothing, whatever they make of it.
func isPicture(text string) bool {
	at, err := url.Parse(text)
	switch {
	case err != nil:
		return false
	case at.Scheme == "data":
		return strings.HasPrefix(at.Opaque, "image/")
	}
	return at.Scheme == "" || at.Scheme == "http" || at.Scheme == "https"
}

// addresses sets addresses and numbers. One that is another one than before is
// verified only where the change says so.
func (ch Change) addresses(u *User) error {
	for _, v := range []struct {
		to       *string
		verified *bool
		into     *string
		flag     *bool
		check    func(string) (string, error)
	}{
		{ch.Email, ch.VerifiedEmail, &u.Email, &u.VerifiedEmail, address},
		{ch.Phone, ch.VerifiedPhone, &u.Phone, &u.VerifiedPhone, message.Phone},
		{ch.RecoveryEmail, ch.VerifiedRecoveryEmail, &u.Recovery.Email, &u.Recovery.VerifiedEmail, address},
		{ch.RecoveryPhone, ch.VerifiedRecoveryPhone, &u.Recovery.Phone, &u.Recovery.VerifiedPhone, message.Phone},
	} {
		if v.to != nil {
			text := strings.TrimSpace(*v.to)
			if text != "" {
				var err error
				if text, err = v.check(text); err != nil {
					return err
				}
			}
			if text != *v.into {
				*v.into, *v.flag = text, false
			}
		}
		if v.verified != nil {
			*v.flag = *v.verified
		}
		*v.flag = *v.flag && *v.into != ""
	}
	return nil
}

func (ch Change) belongings(u *User) error {
	if ch.MoreLoginIDs != nil {
		ids := u.LoginIDs[:min(1, len(u.LoginIDs))]
		for _, id := range *ch.MoreLoginIDs {
			id, err := LoginID(id)
			if err != nil {
				return err
			}
			if !slices.Contains(ids, id) {
				ids = append(slices.Clip(ids), id)
			}
		}
		u.LoginIDs = ids
	}
	if ch.Roles != nil {
		u.Roles = slices.Clone(*ch.Roles)
	}
	if ch.Tenants != nil {
		u.Tenants = nil
		for _, m := range *ch.Tenants {
			u.Join(m.Tenant, m.Roles...)
		}
	}
	if ch.Apps != nil {
		u.Apps = slices.Clone(*ch.Apps)
		slices.Sort(u.Apps)
		u.Apps = slices.Compact(u.Apps)
	}
	u.sort()
	many := len(u.LoginIDs) > mostLoginIDs || len(u.Tenants) > mostOfAUser || len(u.Roles) > mostOfAUser || len(u.Apps) > mostOfAUser ||
		slices.ContainsFunc(u.Tenants, func(m Membership) bool { return len(m.Roles) > mostOfAUser })
	if many {
		return ErrMany
	}
	return nil
}

func (ch Change) attributes(c *project.Config, u *User) error {
	set, err := custom(c.Attributes.User, ch.Custom)
	if err != nil {
		return err
	}
	all := map[string]any{}
	if !ch.WholeCustom {
		maps.Copy(all, u.Custom)
	}
	for name, v := range set {
		if v == nil {
			delete(all, name)
		} else {
			all[name] = v
		}
	}
	u.Custom = all
	return nil
}

func (ch Change) standing(u *User) error {
	if ch.ConsentUntil != nil {
		u.ConsentUntil = *ch.ConsentUntil
	}
	if ch.Status == nil {
		return nil
	}
	switch *ch.Status {
	case Enabled, Disabled:
		u.ExpiresAt = time.Time{}
	case Invited:
	default:
		return ErrStatus
	}
	u.Status = *ch.Status
	return nil
}

// Join makes the user a member of a tenant, and adds roles there, by id.
func (u *User) Join(tenant string, roles ...string) {
	i := slices.IndexFunc(u.Tenants, func(m Membership) bool { return m.Tenant == tenant })
	if i < 0 {
		i = len(u.Tenants)
		u.Tenants = append(u.Tenants, Membership{Tenant: tenant})
	}
	u.Tenants[i].Roles = append(slices.Clip(u.Tenants[i].Roles), roles...)
	u.sort()
}

// Leave ends a membership, and reports whether there was one.
func (u *User) Leave(tenant string) bool {
	n := len(u.Tenants)
	u.Tenants = slices.DeleteFunc(slices.Clone(u.Tenants), func(m Membership) bool { return m.Tenant == tenant })
	return len(u.Tenants) < n
}

// Rename puts a login id in the place of another one; a blank one takes it away. The
// last one stays.
func (u *User) Rename(from, to string) error {
	from, err := LoginID(from)
	if err != nil {
		return ErrLoginOf
	}
	i := slices.Index(u.LoginIDs, from)
	if i < 0 {
		return ErrLoginOf
	}
	ids := slices.Clone(u.LoginIDs)
	if strings.TrimSpace(to) == "" {
		if len(ids) == 1 {
			return ErrLastID
		}
		u.LoginIDs = slices.Delete(ids, i, i+1)
		return nil
	}
	if to, err = LoginID(to); err != nil {
		return err
	}
	if ids[i] != to && slices.Contains(ids, to) {
		return ErrExists
	}
	ids[i] = to
	u.LoginIDs = ids
	return nil
}

// Copy returns a user whose changes leave u as it is.
func (u *User) Copy() *User {
	c := *u
	c.LoginIDs, c.Roles, c.Apps = slices.Clone(u.LoginIDs), slices.Clone(u.Roles), slices.Clone(u.Apps)
	c.Tenants = nil
	for _, m := range u.Tenants {
		c.Tenants = append(c.Tenants, Membership{m.Tenant, slices.Clone(m.Roles)})
	}
	return &c
}

// Differs names the fields in which v is otherwise than u.
func (u *User) Differs(v *User) []string {
	var out []string
	for _, f := range []struct {
		name string
		of   func(u *User) any
	}{
		{"loginIds", func(u *User) any { return u.LoginIDs }},
		{"name", func(u *User) any { return u.Name }},
		{"givenName", func(u *User) any { return u.GivenName }},
		{"middleName", func(u *User) any { return u.MiddleName }},
		{"familyName", func(u *User) any { return u.FamilyName }},
		{"picture", func(u *User) any { return u.Picture }},
		{"email", func(u *User) any { return u.Email }},
		{"phone", func(u *User) any { return u.Phone }},
		{"verifiedEmail", func(u *User) any { return u.VerifiedEmail }},
		{"verifiedPhone", func(u *User) any { return u.VerifiedPhone }},
		{"recoveryEmail", func(u *User) any { return u.Recovery.Email }},
		{"recoveryPhone", func(u *User) any { return u.Recovery.Phone }},
		{"verifiedRecoveryEmail", func(u *User) any { return u.Recovery.VerifiedEmail }},
		{"verifiedRecoveryPhone", func(u *User) any { return u.Recovery.VerifiedPhone }},
		{"status", func(u *User) any { return u.Status }},
		{"customAttributes", func(u *User) any { return fmt.Sprintf("%#v", u.Custom) }}, // 5 is not "5"
		{"roleNames", func(u *User) any { return u.Roles }},
		{"userTenants", func(u *User) any { return u.Tenants }},
		{"ssoAppIds", func(u *User) any { return u.Apps }},
		{"expires", func(u *User) any { return u.ExpiresAt.Unix() }},
		{"consentExpiration", func(u *User) any { return u.ConsentUntil.Unix() }},
	} {
		if fmt.Sprint(f.of(u)) != fmt.Sprint(f.of(v)) {
			out = append(out, f.name)
		}
	}
	return out
}
