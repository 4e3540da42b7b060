package password

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

const (
	saltSize = 16 // bytes, as RFC 9106 section 3.1 recommends
	keySize  = 32 // bytes
)

// Params are the costs of argon2id (RFC 9106) that new passwords are hashed with.
type Params struct {
	Memory uint32 // KiB
	Passes uint32
	Lanes  uint8 // goroutines of one hash
}

// The bounds of Params. The least is the weakest that OWASP's
// cheat sheet on storing passwords allows.
const (
	leastMemory, leastPasses = 7 << 10, 1
	mostPasses, mostLanes    = 64, 16
)

var errParams = errors.New("argon2id takes 7 MiB of memory at least, 1 to 64 passes and 1 to 16 lanes")

func (p Params) check() error {
	if p.Memory < leastMemory || p.Passes < leastPasses || p.Passes > mostPasses || p.Lanes < 1 || p.Lanes > mostLanes {
		return errParams
	}
	return nil
}

// argon is a hash by argon2, ours or an imported one.
type argon struct {
	Params
	independent bool // argon2i, which only imports bring; else argon2id
	salt, key   []byte
}

func newArgon(p Params, password string) argon {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // crypto/rand does not fail
	a := argon{Params: p, salt: salt, key: make([]byte, keySize)}
	a.key = a.derive(password)
	return a
}

func (a argon) derive(password string) []byte {
	derive := argon2.IDKey
	if a.independent {
		derive = argon2.Key
	}
	return derive([]byte(password), a.salt, a.Passes, a.Memory, a.Lanes, uint32(len(a.key))) //nolint:gosec // 128 at most
}

func (a argon) matches(password string) bool {
	return subtle.ConstantTimeCompare(a.derive(password), a.key) == 1
}

func (a argon) memory() int64 { return int64(a.Memory) << 10 }

func (a argon) check() error {
	switch work := uint64(a.Memory) * uint64(a.Passes); {
	case len(a.key) < 16 || len(a.key) > 128 || len(a.salt) < 8 || len(a.salt) > 128:
		return wrongHash("an argon2 hash has 16 to 128 bytes, and a salt of 8 to 128")
	case a.Memory < 8*uint32(a.Lanes) || a.Lanes < 1 || a.Passes < 1:
		return wrongHash("an argon2 hash has a pass, a thread, and 8 KiB of memory a thread at least")
	case a.Lanes > mostLanes || work > mostArgonWork:
		return errTooCostly
	}
	return nil
}

// String returns the PHC form: $argon2id$v=19$m=19456,t=2,p=1$salt$key.
func (a argon) String() string {
	name := "argon2id"
	if a.independent {
		name = "argon2i"
	}
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d$%s$%s", name, argon2.Version, a.Memory, a.Passes, a.Lanes, b64(a.salt), b64(a.key))
}

// parseArgon reads the PHC form, whose first part is the name of the variant.
func parseArgon(text string) (argon, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" {
		return argon{}, errMalformed
	}
	var a argon
	switch parts[1] {
	case "argon2id":
	case "argon2i":
		a.independent = true
	default:
		return argon{}, errMalformed // argon2d is not made for passwords
	}
	if parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return argon{}, errMalformed
	}
	costs, err := parseCosts(parts[3], "m", "t", "p")
	if err != nil || costs[2] > 255 {
		return argon{}, errMalformed
	}
	a.Params = Params{Memory: costs[0], Passes: costs[1], Lanes: uint8(costs[2])} //nolint:gosec // it was compared with 255
	if a.salt, err = unb64(parts[4]); err != nil {
		return argon{}, err
	}
	if a.key, err = unb64(parts[5]); err != nil {
		return argon{}, err
	}
	return a, a.check()
}
