// Package accesskey keeps the keys that machines sign in to a project with, as
// people do with their methods: it makes them, recognises them, and says for whom
// and where each acts. The token that a key is exchanged for is made by package
// session.
//
// A key in clear is "K", 27 characters that name it and 44 random ones; it is shown
// once, and it is one longer than a management key, so that nobody takes it for one.
// Only its SHA-256 is stored: 44 random base-62 characters carry 262 bits, which
// nobody guesses through a fast hash. A key that was made elsewhere may have any
// form.
package accesskey

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/user"
)

// What callers are told. ErrUnknown is one answer for all reasons, so that it does
// not tell which keys exist.
var (
	ErrUnknown  = fault.New(fault.Unauthenticated, "P40161", "the access key is not valid")
	ErrNotFound = fault.New(fault.NotFound, "P40463", "there is no access key with this id")
	ErrInvalid  = fault.New(fault.Invalid, "E011003", "Request is invalid: the access key is not valid")
	ErrExists   = fault.New(fault.Conflict, "P40966", "there is this access key already")
)

// The states of a key.
const (
	Active   = "active"
	Inactive = "inactive"
)

const (
	prefix     = "K"
	secretSize = 44
	shortest   = 20 // of a cleartext that was made elsewhere, in bytes
	longest    = 512
)

// wrongKeys bounds the keys that are none from one address.
var wrongKeys = limit.Rule{Scope: "accesskey.wrong", Max: 30, Within: time.Minute}

// A Key is an access key, without its secret part.
type Key struct {
	Project     string
	ID          string
	Name        string
	Description string
	Status      string // Active or Inactive
	BoundUser   string // id of the user that it acts for, and goes with; empty for none

	Roles   []string          // ids of roles in the whole project, sorted
	Tenants []user.Membership // where it acts, with the ids of its roles there, sorted

	Claims       map[string]any // put into its tokens
	Custom       map[string]any // custom attributes by name, of JSON's types
	PermittedIPs []netip.Prefix // empty for any
	CreatedBy    string         // who made it: id of a management key
	CreatedAt    time.Time
	ExpiresAt    time.Time // zero for never
}

// Service makes, changes and recognises keys.
type Service struct {
	DB     *store.DB
	Limits *limit.Service
}

// The limits of a key's parts; they only keep nonsense out.
const (
	maxName        = 256
	maxDescription = 4096
	maxList        = 256
	maxClaims      = 16 << 10 // bytes of JSON
)

// settle brings a key that is to be stored into its form, and says what is wrong
// with it; stored are the custom attributes that it has already.
func (k *Key) settle(c *project.Config, stored map[string]any) (err error) {
	wrong := func(message string) error { return ErrInvalid.WithMessage("Request is invalid: " + message) }
	k.Name = strings.TrimSpace(k.Name)
	switch {
	case k.Name == "" || !store.Plain(k.Name, maxName, ""):
		return wrong("the name of an access key has 1 to 256 bytes on one line")
	case !store.Plain(k.Description, maxDescription, "\n\r\t"):
		return wrong("the description of an access key has at most 4096 bytes")
	case len(k.PermittedIPs) > maxList || len(k.Tenants) > maxList || len(k.Roles) > maxList:
		return wrong("a list of an access key has at most 256 entries")
	}
	if k.Claims == nil {
		k.Claims = map[string]any{}
	}
	claims, err := json.Marshal(k.Claims, json.Deterministic(true))
	if err != nil || len(claims) > maxClaims {
		return wrong("the custom claims of an access key are JSON of at most 16 KiB")
	}
	k.Custom, err = project.Retyped(c.Attributes.AccessKey, stored, k.Custom)
	slices.SortFunc(k.Tenants, func(a, b user.Membership) int { return cmp.Compare(a.Tenant, b.Tenant) })
	return err
}

// usable reports whether a key works now, from an address.
func (k *Key) usable(now time.Time, remote netip.Addr) bool {
	return k.Status == Active && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt)) && k.permits(remote)
}

func (k *Key) permits(remote netip.Addr) bool {
	remote = remote.Unmap().WithZone("")
	return len(k.PermittedIPs) == 0 || slices.ContainsFunc(k.PermittedIPs, func(p netip.Prefix) bool { return p.Contains(remote) })
}

// ParseAddresses reads permitted addresses: "192.0.2.7", "192.0.2.0/24".
func ParseAddresses(texts []string) ([]netip.Prefix, error) {
	out, err := mgmtkey.ParseAddresses(texts)
	if err != nil {
		return nil, ErrInvalid.WithMessage("Request is invalid: " + fault.From(err).Message)
	}
	return out, nil
}

func (k *Key) event(by audit.Origin, action string) audit.Event {
	e := by.Event(action, audit.Done)
	e.Project = k.Project
	e.Details = map[string]any{"id": k.ID, "name": k.Name, "status": k.Status, "roles": k.Roles}
	var tenants []string
	for _, m := range k.Tenants {
		tenants = append(tenants, m.Tenant)
	}
	if len(tenants) > 0 {
		e.Details["tenants"] = tenants
	}
	if k.BoundUser != "" {
		e.Details["user"] = k.BoundUser
	}
	if len(k.PermittedIPs) > 0 {
		e.Details["permittedIps"] = fmt.Sprint(k.PermittedIPs)
	}
	return e
}
