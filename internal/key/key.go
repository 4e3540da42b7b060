// Package key owns the keys that sign the tokens of a project: the first one is made
// with the project, they are published as a JSON Web Key Set, and rotated so that no
// token ends with its key.
//
// It signs and verifies bytes. What a token says is for package session; sealing
// the private halves is package project's.
package key

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
)

// ErrToken is a token that no key of the project signed.
var ErrToken = fault.New(fault.Unauthenticated, "P40106", "the token is not valid")

// ErrNone is a project without a key.
var ErrNone = fault.New(fault.NotFound, "P40433", "the project has no signing key yet: the first sign-in makes it")

// Algorithm is the only one that tokens are signed and verified with (RFC 7518
// §3.4). A token that names another one is refused before anything else is looked
// at, so that neither "none" nor a public key taken for a shared secret works.
const Algorithm = jose.ES256

const (
	kind  = "signingKey"
	field = "private"

	// fresh is how long a node goes on with the list of keys that it read.
	fresh = 5 * time.Second

	// Published is how long a new key is published before it signs: every node reads
	// its list again meanwhile, so what one signs all others verify.
	Published = 3 * fresh

	// again bounds how often a key that nobody knows makes a node read its list.
	again = time.Second
)

// A Service keeps the keys of all projects.
type Service struct {
	DB       *store.DB
	Projects *project.Service

	rings   sync.Map // project id → *Ring
	signers sync.Map // name → *signer; a kid never means another key
	known   known
}

// A name is that of one key.
type name struct{ project, kid string }

// A Ring is the keys of a project as they were at a moment.
type Ring struct {
	project string
	known   *known // of the service that read it
	read    time.Time
	keys    []entry
	signers map[string]*signer // by kid: those that sign now or soon
}

// An entry is one key. Times are Unix seconds.
type entry struct {
	kid       string
	public    jose.JSONWebKey
	createdAt int64
	signsAt   int64
	notAfter  int64 // 0 for the newest
}

// Made gives a project its first key, as part of the transaction that makes the project:
// whoever reads the keys later, and nobody has to sign in for that, makes none by it.
func (s *Service) Made(tx *store.Tx, project string) error {
	_, err := s.add(tx, project, time.Now(), time.Now())
	return err
}

// Look returns the keys of a project, for whoever reads them. There is none in a project
// that a server made which did not give projects their keys yet, until somebody signs in.
func (s *Service) Look(ctx context.Context, project string) (*Ring, error) {
	if r, ok := s.rings.Load(project); ok && time.Since(r.(*Ring).read) < fresh {
		return r.(*Ring), nil
	}
	return s.reread(ctx, project)
}

// Ring is Look for what signs: a project without a key gets one by it. It must not be
// called in a transaction.
func (s *Service) Ring(ctx context.Context, project string) (*Ring, error) {
	r, err := s.Look(ctx, project)
	if err != nil || r.signs() {
		return r, err
	}
	if err := s.first(ctx, project); err != nil {
		return nil, err
	}
	return s.reread(ctx, project)
}

// reread asks the database which keys there are.
func (s *Service) reread(ctx context.Context, project string) (*Ring, error) {
	at := time.Now()
	keys, err := store.Rows(ctx, s.DB, scan, list, project)
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	r := &Ring{project: project, known: &s.known, read: at, keys: keys, signers: map[string]*signer{}}
	now := r.current(at)
	for _, e := range keys { // one that follows may begin to sign while this ring is in use
		if e.signsAt < now.signsAt {
			continue
		}
		if r.signers[e.kid], err = s.open(ctx, name{project, e.kid}); err != nil {
			return nil, err
		}
	}
	s.rings.Store(project, r)
	return r, nil
}

const list = `SELECT kid, public, created_at, signs_at, not_after FROM signing_keys WHERE project = $1`

func scan(row store.Scanner) (e entry, err error) {
	var public string
	if err := row.Scan(&e.kid, &public, &e.createdAt, &e.signsAt, &e.notAfter); err != nil {
		return e, err
	}
	if err := e.public.UnmarshalJSON([]byte(public)); err != nil {
		return e, fmt.Errorf("signing key %s: %w", e.kid, err)
	}
	return e, nil
}

// signs reports whether one of the keys may sign.
func (r *Ring) signs() bool { return r.current(time.Now()).kid != "" }

// first makes the first key of a project, which signs at once. Of nodes that do so
// at the same time one does, and the others find its key.
func (s *Service) first(ctx context.Context, project string) error {
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		keys, err := store.Collect(tx, scan, list, project)
		if err != nil || len(keys) > 0 {
			return err
		}
		return s.Made(tx, project)
	})
	if err != nil {
		return fmt.Errorf("make signing key: %w", err)
	}
	return nil
}

// add makes a key and stores both of its halves, as part of tx.
func (s *Service) add(tx *store.Tx, project string, now, signsAt time.Time) (entry, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return entry{}, err
	}
	whole := jose.JSONWebKey{Key: private, KeyID: ident.New("SK"), Algorithm: string(Algorithm), Use: "sig"}
	e := entry{kid: whole.KeyID, public: whole.Public(), createdAt: now.Unix(), signsAt: signsAt.Unix()}
	public, err := e.public.MarshalJSON()
	if err != nil {
		return entry{}, err
	}
	sealed, err := whole.MarshalJSON()
	if err != nil {
		return entry{}, err
	}
	if err := s.Projects.Keep(tx, place(project, e.kid), secret.New(string(sealed))); err != nil {
		return entry{}, err
	}
	_, err = tx.Exec(`INSERT INTO signing_keys (project, kid, public, created_at, signs_at) VALUES ($1, $2, $3, $4, $5)`,
		project, e.kid, string(public), e.createdAt, e.signsAt)
	return e, err
}

func place(of, kid string) project.Place {
	return project.Place{Project: of, Kind: kind, Entity: kid, Field: field}
}

// tokenType is what the header of each token says that it is.
const tokenType = "JWT"

// open opens the private half of a key, once.
func (s *Service) open(ctx context.Context, n name) (*signer, error) {
	if v, ok := s.signers.Load(n); ok {
		return v.(*signer), nil
	}
	sealed, err := s.Projects.Kept(ctx, place(n.project, n.kid))
	if err != nil {
		return nil, fmt.Errorf("open signing key %s: %w", n.kid, err)
	}
	var whole jose.JSONWebKey
	if err := whole.UnmarshalJSON([]byte(sealed.Reveal())); err != nil {
		return nil, fmt.Errorf("open signing key %s: it is not a key", n.kid)
	}
	signer, err := newSigner(whole)
	if err != nil {
		return nil, fmt.Errorf("open signing key %s: %w", n.kid, err)
	}
	s.signers.Store(n, signer)
	return signer, nil
}
