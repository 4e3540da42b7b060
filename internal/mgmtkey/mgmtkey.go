// Package mgmtkey keeps the keys that machines manage projects with: it makes
// them, recognises them and says what each may do. Which operation needs which
// role, and who may make keys, is for the edges.
//
// A key in clear is "K", 27 characters that name it and 43 random ones; it is
// shown once. Only its SHA-256 is stored. A slow password hash would add
// nothing, for 43 random base-62 characters carry 256 bits: nobody can guess
// through them.
package mgmtkey

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/secret"
	"postern/internal/store"
)

// What callers are told. ErrUnknown is one answer for all reasons, so that it
// does not tell which keys exist.
var (
	ErrNoToken  = fault.New(fault.Unauthenticated, "E011007", "Request is missing a valid bearer token")
	ErrUnknown  = fault.New(fault.Unauthenticated, "E111003", "Management key does not exist")
	ErrTooWeak  = fault.New(fault.Forbidden, "P40301", "the management key may not do this")
	ErrNotFound = fault.New(fault.NotFound, "P40421", "there is no management key with this id")
	ErrInvalid  = fault.New(fault.Invalid, "E011003", "the management key is not valid")
)

// The states of a key.
const (
	Active   = "active"
	Inactive = "inactive"
)

const (
	prefix    = "K"
	idSize    = len(prefix) + 27
	tokenSize = idSize + 43

	// usedEvery is how fresh LastUsedAt is kept: a write per request would make
	// every export a writer.
	usedEvery = time.Minute
	// usedWait is how long a request may wait to keep it fresh.
	usedWait = 50 * time.Millisecond
)

// Key is a management key, without its secret part.
type Key struct {
	ID           string
	Name         string
	Description  string
	Status       string // Active or Inactive
	Grants       []Grant
	PermittedIPs []netip.Prefix // empty for any
	CreatedAt    time.Time
	ExpiresAt    time.Time // zero for never
	LastUsedAt   time.Time // to the minute; zero for never
	Version      int       // counts the changes, from 1
}

// Service makes, changes and recognises keys.
type Service struct {
	DB *store.DB
}

// Create is what a new key is made of.
type Create struct {
	Name         string
	Description  string
	Grants       []Grant
	PermittedIPs []netip.Prefix
	ExpiresAt    time.Time
	// Maker is the key that asks, whose limits bind the new one; nil for an
	// operator on the machine.
	Maker *Key
}

// Create makes a key and returns it with its cleartext, which nothing can bring
// back later.
func (s *Service) Create(ctx context.Context, by audit.Origin, in Create) (Key, secret.Text, error) {
	now := time.Now().UTC().Truncate(time.Second)
	k := Key{
		ID: ident.New(prefix), Name: strings.TrimSpace(in.Name), Description: in.Description, Status: Active,
		Grants: in.Grants, PermittedIPs: in.PermittedIPs, CreatedAt: now, ExpiresAt: in.ExpiresAt.UTC().Truncate(time.Second), Version: 1,
	}
	if in.ExpiresAt.IsZero() {
		k.ExpiresAt = time.Time{}
	} else if !k.ExpiresAt.After(now) {
		return Key{}, secret.Text{}, ErrInvalid.WithMessage("the management key would expire at once")
	}
	if err := k.check(); err != nil {
		return Key{}, secret.Text{}, err
	}
	token := k.ID + ident.Random(tokenSize-idSize)
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if err := bind(tx, in.Maker, nil, &k); err != nil {
			return err
		}
		if err := insert(tx, k, hash(token)); err != nil {
			return err
		}
		return audit.Record(tx, k.event(by, "managementkey.create"))
	})
	if err != nil {
		return Key{}, secret.Text{}, fmt.Errorf("create management key: %w", err)
	}
	return k, secret.New(token), nil
}

// List returns all keys, the oldest first.
func (s *Service) List(ctx context.Context) ([]Key, error) {
	var keys []Key
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		keys, err = store.Collect(tx, scan, `SELECT `+columns+` FROM management_keys`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list management keys: %w", err)
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.ID, b.ID) }) // ids sort by time
	return keys, nil
}

// Names returns the names of the keys among ids that exist.
func (s *Service) Names(ctx context.Context, ids []string) (map[string]string, error) {
	out := map[string]string{}
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
			k, err := get(tx, id)
			if errors.Is(err, ErrNotFound) {
				continue // it was revoked, or it is no key
			}
			if err != nil {
				return err
			}
			out[id] = k.Name
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read names of keys: %w", err)
	}
	return out, nil
}

// Get returns the key with the given id.
func (s *Service) Get(ctx context.Context, id string) (Key, error) {
	var k Key
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		k, err = get(tx, id)
		return err
	})
	if err != nil {
		return Key{}, fmt.Errorf("get management key: %w", err)
	}
	return k, nil
}

// May reports whether the key with the given id may be used now, from somewhere,
// and has at least role in project. One that there is not may nothing.
func (s *Service) May(ctx context.Context, id, project string, role Role) (bool, error) {
	k, err := s.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && k.usable(time.Now()) && k.Require(project, role) == nil, err
}

// Update is what to change in a key; nil leaves a thing as it is. What a key may
// do never changes: make another one.
type Update struct {
	Name         *string
	Description  *string
	Status       *string
	PermittedIPs *[]netip.Prefix
	// Maker is the key that asks, which loosens no key beyond its own limits;
	// nil for an operator on the machine.
	Maker *Key
}

// Update changes the key with the given id.
func (s *Service) Update(ctx context.Context, by audit.Origin, id string, in Update) (Key, error) {
	var k Key
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if k, err = get(tx, id); err != nil {
			return err
		}
		before := k
		if in.Name != nil {
			k.Name = strings.TrimSpace(*in.Name)
		}
		if in.Description != nil {
			k.Description = *in.Description
		}
		if in.Status != nil {
			k.Status = *in.Status
		}
		if in.PermittedIPs != nil {
			k.PermittedIPs = *in.PermittedIPs
		}
		if err := k.check(); err != nil {
			return err
		}
		if err := bind(tx, in.Maker, &before, &k); err != nil {
			return err
		}
		k.Version++
		if err := update(tx, k); err != nil {
			return err
		}
		return audit.Record(tx, k.event(by, "managementkey.update"))
	})
	if err != nil {
		return Key{}, fmt.Errorf("update management key: %w", err)
	}
	return k, nil
}

// Delete revokes the keys with the given ids, at once and for ever, and returns
// how many there were. Ids without a key are passed over: they are revoked too.
func (s *Service) Delete(ctx context.Context, by audit.Origin, ids ...string) (int, error) {
	var n int
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		n = 0
		for _, id := range ids {
			k, err := get(tx, id)
			if errors.Is(err, ErrNotFound) {
				continue
			} else if err != nil {
				return err
			}
			if _, err := tx.Exec(`DELETE FROM management_keys WHERE id = $1`, id); err != nil {
				return err
			}
			if err := audit.Record(tx, k.event(by, "managementkey.delete")); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("delete management keys: %w", err)
	}
	return n, nil
}

// Authenticate returns the key whose cleartext is given, if it may be used now
// from remote.
func (s *Service) Authenticate(ctx context.Context, cleartext string, remote netip.Addr) (*Key, error) {
	if cleartext == "" {
		return nil, ErrNoToken
	}
	if len(cleartext) != tokenSize || !wellFormed(cleartext) {
		return nil, ErrUnknown
	}
	k, stored, err := getWithHash(ctx, s.DB, cleartext[:idSize])
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("authenticate management key: %w", err)
	}
	if subtle.ConstantTimeCompare(hash(cleartext), stored) != 1 || !k.usable(time.Now()) || !k.permits(remote) {
		return nil, ErrUnknown
	}
	s.used(ctx, &k)
	return &k, nil
}

// Recall returns the key with an id, if it may be used now from remote. It is for
// an edge that has authenticated the key before, and has a sealed proof of that.
func (s *Service) Recall(ctx context.Context, id string, remote netip.Addr) (*Key, error) {
	k, err := s.Get(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, ErrUnknown
	case err != nil:
		return nil, err
	case !k.usable(time.Now()) || !k.permits(remote):
		return nil, ErrUnknown
	}
	s.used(ctx, &k)
	return &k, nil
}

// used keeps LastUsedAt fresh, if the database has a moment: a key works no less
// while an import holds the one writer, or the disk is full.
func (s *Service) used(ctx context.Context, k *Key) {
	now := time.Now().UTC().Truncate(time.Second)
	if now.Sub(k.LastUsedAt) < usedEvery {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, usedWait)
	defer cancel()
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE management_keys SET last_used_at = $1 WHERE id = $2 AND last_used_at < $1`, now.Unix(), k.ID)
		return err
	})
	if err == nil {
		k.LastUsedAt = now
	}
}

func (k *Key) usable(now time.Time) bool {
	return k.Status == Active && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

func (k *Key) event(by audit.Origin, action string) audit.Event {
	e := by.Event(action, audit.Done)
	e.Details = map[string]any{
		"id": k.ID, "name": k.Name, "status": k.Status, "grants": access(k.Grants), "permittedIps": k.PermittedIPs,
	}
	return e
}

func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func wellFormed(token string) bool {
	return ident.Valid(prefix, token[:idSize]) && ident.Valid("", token[idSize:])
}

// noRows turns the absence of a row into ErrNotFound.
func noRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// Looks reports whether a text has the form of a management key, for callers who
// take other tokens in the same place.
func Looks(token string) bool { return len(token) == tokenSize && wellFormed(token) }
