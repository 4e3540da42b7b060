package password

import "context"

// Reencode reads a stored hash and writes it again.
func Reencode(stored string) (string, error) {
	v, err := parse(stored)
	if err != nil {
		return "", err
	}
	return v.String(), nil
}

// Turn waits for a turn of the given memory and runs fn in it.
func (h *Hasher) Turn(ctx context.Context, project string, memory int64, fn func()) error {
	return h.turn(ctx, project, memory, fn)
}

// LeaveLate comes, gets a turn of all the room, and leaves at that moment.
func (h *Hasher) LeaveLate() {
	w := &waiter{"A", h.capacity, make(chan error, 1)}
	h.turns.join(w)
	h.turns.grant()
	h.turns.quit(w)
}

// Watch tells fn each hash that a password is compared with.
func (h *Hasher) Watch(fn func(stored string)) { h.watch = func(v verifier) { fn(v.String()) } }

// Strength returns the score of a password.
func Strength(password string, who Person) int { return strength(password, who) }
