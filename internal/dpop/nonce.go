package dpop

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"postern/internal/fault"
	"postern/internal/secret"
)

// ErrNonce asks for a proof with a nonce. Its details are a Wanted.
var ErrNonce = fault.New(fault.Unauthenticated, "P40119", "the DPoP proof needs the nonce that this answer gives in the header DPoP-Nonce")

// Wanted is the nonce that the next proof is to bring.
type Wanted struct {
	Nonce string `json:"nonce"`
}

// nonceFor is how long a nonce counts. A client learns the next one by the answer to
// the first proof that comes later.
const nonceFor = 5 * time.Minute

// Nonces makes and knows the nonces of proofs (RFC 9449 §8): whoever had the key of a
// client for a moment must not have made proofs for later. They are sealed times, so
// that nothing is kept, and each server with the master key knows those of the others.
// Nil asks for none.
type Nonces struct {
	Master *secret.Master
}

const ticketOf = "dpop nonce"

// check refuses what is no nonce of the project that counts, with ErrNonce.
func (n *Nonces) check(project, nonce string, now time.Time) error {
	if n == nil || n.counts(project, nonce, now) {
		return nil
	}
	next, err := n.next(project, now)
	if err != nil {
		return err
	}
	return ErrNonce.With(Wanted{next})
}

func (n *Nonces) counts(project, nonce string, now time.Time) bool {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(sealed) == 0 {
		return false
	}
	made, err := n.Master.OpenTicket(ticketOf, project, sealed)
	if err != nil || len(made) != 8 {
		return false
	}
	age := now.Sub(time.Unix(int64(binary.BigEndian.Uint64(made)), 0)) //nolint:gosec // it is ours
	return age < nonceFor && age > -ahead
}

func (n *Nonces) next(project string, now time.Time) (string, error) {
	sealed, err := n.Master.SealTicket(ticketOf, project, binary.BigEndian.AppendUint64(nil, uint64(now.Unix()))) //nolint:gosec // after 1970
	return base64.RawURLEncoding.EncodeToString(sealed), err
}
