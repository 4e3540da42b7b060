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
func (h *Hasher) Turn(ctx context.Context, memory int64, fn func()) error {
	return h.turn(ctx, memory, fn)
}

// Strength returns the score of a password.
func Strength(password string, who Person) int { return strength(password, who) }
