package password

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/text/unicode/norm"

	"postern/internal/secret"
)

// Hasher hashes and compares passwords. It lets only so many at once as there is
// memory and as there are processors for; whoever else comes waits for a turn, for as
// long as the context lasts, or is refused with ErrBusy where too many wait already.
type Hasher struct {
	params   Params
	capacity int64 // bytes of all hashes together
	share    int64 // bytes that a hash counts for at least
	turns    *queue
	slack    *slack
	decoy    argon // the hash of no password

	watch func(verifier) // tests count the work
}

var (
	errCapacity = errors.New("the memory for hashing passwords is less than one hash takes")
	errWaiting  = errors.New("nobody may wait for a password to be hashed")
)

// NewHasher returns a Hasher that takes memory bytes at most, runs as many hashes at
// once as parallel, and lets so many wait. More at once than there are processors
// would make each one slower, and none sooner.
func NewHasher(params Params, memory int64, parallel, waiting int) (*Hasher, error) {
	switch err := params.check(); {
	case err != nil:
		return nil, err
	case parallel < 1 || memory < int64(params.Memory)<<10:
		return nil, errCapacity
	case waiting < 1:
		return nil, errWaiting
	}
	decoy := argon{Params: params, salt: make([]byte, saltSize), key: make([]byte, keySize)}
	_, _ = rand.Read(decoy.salt) // crypto/rand does not fail
	_, _ = rand.Read(decoy.key)
	return &Hasher{
		params: params, capacity: memory, share: max(memory/int64(parallel), 1),
		turns: &queue{room: memory, most: waiting, lines: map[string][]*waiter{}},
		slack: newSlack(int64(params.Memory)<<10, memory), decoy: decoy,
	}, nil
}

// turn runs fn for a project when there is memory for it.
func (h *Hasher) turn(ctx context.Context, project string, memory int64, fn func()) error {
	room := min(max(memory, h.share), h.capacity) // what is larger than all, since the setting was lowered, runs alone
	if err := h.turns.enter(ctx, project, room); err != nil {
		return err
	}
	defer h.turns.leave(room)
	h.slack.enter()
	defer h.slack.leave()
	fn()
	return nil
}

// Queue returns how many passwords wait now, and how many were refused because too
// many did.
func (h *Hasher) Queue() (waiting int, refused uint64) { return h.turns.state() }

// Hash returns the hash of a password of a project as it is stored.
func (h *Hasher) Hash(ctx context.Context, project string, password secret.Text) (string, error) {
	var a argon
	err := h.turn(ctx, project, int64(h.params.Memory)<<10, func() { a = newArgon(h.params, normal(password.Reveal())) })
	if err != nil {
		return "", err
	}
	return a.String(), nil
}

// Verify reports whether stored is the hash of a password of a project, and whether it
// should be made anew, because it was imported or other costs are set now.
func (h *Hasher) Verify(ctx context.Context, project string, password secret.Text, stored string) (ok, stale bool, err error) {
	v, err := parse(stored)
	if err != nil {
		return false, false, fmt.Errorf("read a stored hash: %w", err)
	}
	own, isArgon := v.(argon)
	native := isArgon && !own.independent && own.Params == h.params
	text, valid := typed(password)
	err = h.compare(ctx, project, v, func() {
		ok = v.matches(normal(text))
		if !ok && !native && normal(text) != text {
			ok = v.matches(text) // whoever made it did not normalise
		}
	})
	return ok && valid, ok && valid && !native, err
}

// Waste takes as long as Verify does for a wrong password whose hash is ours. It is
// what a sign-in of nobody gets where nobody has a password.
func (h *Hasher) Waste(ctx context.Context, project string, password secret.Text) error {
	text, _ := typed(password)
	return h.compare(ctx, project, h.decoy, func() { h.decoy.matches(normal(text)) })
}

// compare runs fn, which compares a password with v.
func (h *Hasher) compare(ctx context.Context, project string, v verifier, fn func()) error {
	return h.turn(ctx, project, v.memory(), func() {
		if h.watch != nil {
			h.watch(v)
		}
		fn()
	})
}

// typed returns a password that somebody gave, or a short one in its place if it
// is none that anybody can have.
func typed(password secret.Text) (text string, valid bool) {
	text = password.Reveal()
	if text == "" || len(text) > mostTyped {
		return "", false
	}
	return text, true
}

// normal returns the form of a password that is hashed: NFKC, so that one typed on
// another keyboard is the same (NIST SP 800-63B-4, section 3.1.1.2).
func normal(text string) string { return norm.NFKC.String(text) }
