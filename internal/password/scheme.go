package password

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // hashes of other services are compared, and replaced at the next sign-in
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"

	"postern/internal/fault"
)

// The most that one comparison with an imported hash may cost: each about two
// seconds of a processor of 2026. Whoever brings hashes must not bring work
// without end.
const (
	mostArgonWork  = 2 << 20 // KiB × passes
	mostBcrypt     = 14      // cost, a power of two
	mostPBKDF2     = 3_000_000
	mostScryptWork = 4 << 20 // N × r × p
	mostScryptN    = 1 << 20
	mostPhpass     = 1 << 21
	mostMemory     = 256 << 20 // bytes
)

// mostTyped is the longest password that is compared, in bytes. Imported ones may
// be longer than those that may be set here.
const mostTyped = 1024

// What is wrong with a hash that is to be imported.
var (
	ErrHash      = fault.New(fault.Invalid, "E011003", "the hash of a password is not valid")
	errTooCostly = ErrHash.WithMessage("the hash of a password costs more work or memory than a sign-in may")
	errMalformed = errors.New("a stored hash has no form that is known")
)

func wrongHash(message string) error { return ErrHash.WithMessage(message) }

// verifier is a stored hash.
type verifier interface {
	matches(password string) bool
	memory() int64  // bytes that matches takes
	check() error   // whether it has a sound form, and may be compared at all
	String() string // as it is stored; parse reads it
}

// parse reads a stored hash.
func parse(text string) (verifier, error) {
	name, rest, ok := strings.Cut(strings.TrimPrefix(text, "$"), "$")
	if !ok || text[0] != '$' {
		return nil, errMalformed
	}
	switch name {
	case "argon2id", "argon2i":
		return parseArgon(text)
	case "2a", "2b", "2y":
		return bcrypted{hash: text}, nil
	case "bcrypt-sha256":
		return bcrypted{hash: "$" + rest, digested: true}, nil
	}
	parts := strings.Split(rest, "$")
	bytes := make([][]byte, len(parts))
	for i, part := range parts[1:] {
		var err error
		if bytes[i+1], err = unb64(part); err != nil {
			return nil, err
		}
	}
	parameter := parts[0]
	switch {
	case len(parts) == 3 && strings.HasPrefix(name, "pbkdf2-"):
		costs, err := parseCosts(parameter, "i")
		return stretched{digest: strings.TrimPrefix(name, "pbkdf2-"), iterations: costs[0], salt: bytes[1], key: bytes[2]}, err
	case len(parts) == 3 && name == "scrypt":
		costs, err := parseCosts(parameter, "ln", "r", "p")
		return scrypted{ln: costs[0], r: costs[1], p: costs[2], salt: bytes[1], key: bytes[2]}, err
	case len(parts) == 5 && name == "firebase":
		costs, err := parseCosts(parameter, "ln", "r")
		return firebase{ln: costs[0], r: costs[1], salt: bytes[1], separator: bytes[2], signer: bytes[3], key: bytes[4]}, err
	case len(parts) == 3 && strings.HasPrefix(name, "phpass-"):
		costs, err := parseCosts(parameter, "i")
		return phpass{digest: strings.TrimPrefix(name, "phpass-"), iterations: costs[0], salt: bytes[1], key: bytes[2]}, err
	case len(parts) == 3 && strings.HasPrefix(name, "digest-") && parameter == "":
		return digested{digest: strings.TrimPrefix(name, "digest-"), salt: bytes[1], key: bytes[2]}, nil
	default:
		return nil, errMalformed
	}
}

// parseCosts reads "m=1,t=2" with exactly the given names. On an error there are
// as many numbers, too.
func parseCosts(text string, names ...string) ([]uint32, error) {
	out := make([]uint32, len(names))
	parts := strings.Split(text, ",")
	if len(parts) != len(names) {
		return out, errMalformed
	}
	for i, name := range names {
		n, err := strconv.ParseUint(strings.TrimPrefix(parts[i], name+"="), 10, 32)
		if err != nil || !strings.HasPrefix(parts[i], name+"=") {
			return out, errMalformed
		}
		out[i] = uint32(n)
	}
	return out, nil
}

func b64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

func unb64(s string) ([]byte, error) {
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, errMalformed
	}
	return b, nil
}

// digests are the hash functions that imports name.
func digests(name string) func() hash.Hash {
	switch name {
	case "md5":
		return md5.New
	case "sha1":
		return sha1.New
	case "sha256":
		return sha256.New
	case "sha512":
		return sha512.New
	default:
		return nil
	}
}

func sum(fn func() hash.Hash, parts ...[]byte) []byte {
	h := fn()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// bcrypted is a hash by bcrypt; digested ones take the SHA-256 of the password in
// hex, as Django's bcrypt_sha256 does.
type bcrypted struct {
	hash     string
	digested bool
}

// longestBcrypt is what bcrypt looks at, in bytes. It cuts the rest off, and so
// must whoever compares.
const longestBcrypt = 72

func (b bcrypted) matches(password string) bool {
	in := []byte(password)
	if b.digested {
		in = []byte(hex.EncodeToString(sum(sha256.New, in)))
	}
	return bcrypt.CompareHashAndPassword([]byte(b.hash), in[:min(len(in), longestBcrypt)]) == nil
}

func (b bcrypted) memory() int64 { return 8 << 10 }

func (b bcrypted) check() error {
	cost, err := bcrypt.Cost([]byte(b.hash))
	switch {
	case err != nil || len(b.hash) != 60 || strings.Trim(b.hash[7:], phpAlphabet) != "":
		return wrongHash(`a bcrypt hash has 60 characters and begins with "$2a$", "$2b$" or "$2y$" and the cost`)
	case b.hash[:4] != "$2a$" && b.hash[:4] != "$2b$" && b.hash[:4] != "$2y$":
		return wrongHash(`a bcrypt hash begins with "$2a$", "$2b$" or "$2y$"`)
	case cost > mostBcrypt:
		return errTooCostly
	}
	return nil
}

func (b bcrypted) String() string {
	if b.digested {
		return "$bcrypt-sha256" + b.hash
	}
	return b.hash
}

// stretched is a hash by PBKDF2 (RFC 8018) with HMAC.
type stretched struct {
	digest     string
	iterations uint32
	salt, key  []byte
}

func (s stretched) matches(password string) bool {
	key, err := pbkdf2.Key(digests(s.digest), password, s.salt, int(s.iterations), len(s.key))
	return err == nil && subtle.ConstantTimeCompare(key, s.key) == 1
}

func (s stretched) memory() int64 { return 4 << 10 }

func (s stretched) check() error {
	switch {
	case s.digest != "sha1" && s.digest != "sha256" && s.digest != "sha512":
		return wrongHash("the type of a PBKDF2 hash is sha1, sha256 or sha512")
	case s.iterations < 1 || len(s.key) < 16 || len(s.key) > 128 || len(s.salt) > 1024:
		return wrongHash("a PBKDF2 hash has 16 to 128 bytes, a salt of 1024 at most, and an iteration at least")
	}
	size := digests(s.digest)().Size()
	if blocks := (len(s.key) + size - 1) / size; int(s.iterations) > mostPBKDF2/blocks { // each block costs all iterations
		return errTooCostly
	}
	return nil
}

func (s stretched) String() string {
	return fmt.Sprintf("$pbkdf2-%s$i=%d$%s$%s", s.digest, s.iterations, b64(s.salt), b64(s.key))
}

// scrypted is a hash by scrypt (RFC 7914).
type scrypted struct {
	ln, r, p  uint32 // N is 2 to the ln
	salt, key []byte
}

func (s scrypted) matches(password string) bool {
	key, err := scrypt.Key([]byte(password), s.salt, 1<<s.ln, int(s.r), int(s.p), len(s.key))
	return err == nil && subtle.ConstantTimeCompare(key, s.key) == 1
}

func (s scrypted) memory() int64 { return 128 * int64(s.r) * (int64(1)<<s.ln + int64(s.p)) }

func (s scrypted) check() error {
	if len(s.key) < 16 || len(s.key) > 128 || len(s.salt) > 1024 {
		return wrongHash("a scrypt hash has 16 to 128 bytes, and a salt of 1024 at most")
	}
	return checkScrypt(s.ln, s.r, s.p)
}

func checkScrypt(ln, r, p uint32) error {
	switch {
	case ln < 1 || r < 1 || p < 1:
		return wrongHash("the costs of a scrypt hash are 1 at least")
	case ln > 20 || r > 64 || p > 64 || uint64(r)*uint64(p)<<ln > mostScryptWork, 128*uint64(r)<<ln > mostMemory:
		return errTooCostly
	}
	return nil
}

func (s scrypted) String() string {
	return fmt.Sprintf("$scrypt$ln=%d,r=%d,p=%d$%s$%s", s.ln, s.r, s.p, b64(s.salt), b64(s.key))
}

// firebase is a hash by the scrypt of Firebase: what scrypt derives is the key
// that the project's own key is encrypted with, by AES-256 in counter mode.
type firebase struct {
	ln, r                        uint32
	salt, separator, signer, key []byte
}

func (f firebase) matches(password string) bool {
	derived, err := scrypt.Key([]byte(password), slices.Concat(f.salt, f.separator), 1<<f.ln, int(f.r), 1, 32)
	if err != nil {
		return false
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return false
	}
	out := make([]byte, len(f.signer))
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(out, f.signer) //nolint:gosec // the algorithm is theirs; each key is used once
	return subtle.ConstantTimeCompare(out, f.key) == 1
}

func (f firebase) memory() int64 { return 128 * int64(f.r) * (int64(1)<<f.ln + 1) }

func (f firebase) check() error {
	if len(f.signer) < 16 || len(f.signer) > 128 || len(f.key) != len(f.signer) || len(f.salt) > 1024 || len(f.separator) > 16 {
		return wrongHash("a Firebase hash has as many bytes as the signer key, 16 to 128")
	}
	return checkScrypt(f.ln, f.r, 1)
}

func (f firebase) String() string {
	return fmt.Sprintf("$firebase$ln=%d,r=%d$%s$%s$%s$%s", f.ln, f.r, b64(f.salt), b64(f.separator), b64(f.signer), b64(f.key))
}

// phpass is a portable hash of PHP applications: a digest over and over, of what
// came before and the password.
type phpass struct {
	digest     string
	iterations uint32
	salt, key  []byte // the key may be cut short
}

func (p phpass) matches(password string) bool {
	fn := digests(p.digest)
	key := sum(fn, p.salt, []byte(password))
	for range p.iterations {
		key = sum(fn, key, []byte(password))
	}
	return subtle.ConstantTimeCompare(key[:len(p.key)], p.key) == 1
}

func (p phpass) memory() int64 { return 4 << 10 }

func (p phpass) check() error {
	switch {
	case p.digest != "md5" && p.digest != "sha512":
		return wrongHash("the type of a phpass hash is md5 or sha512")
	case len(p.key) < 16 || len(p.key) > digests(p.digest)().Size() || len(p.salt) < 1 || len(p.salt) > 64 || p.iterations < 1:
		return wrongHash("a phpass hash has 16 bytes at least and no more than its digest, a salt, and an iteration")
	case p.iterations > mostPhpass:
		return errTooCostly
	}
	return nil
}

func (p phpass) String() string {
	return fmt.Sprintf("$phpass-%s$i=%d$%s$%s", p.digest, p.iterations, b64(p.salt), b64(p.key))
}

// digested is one digest of the password, with a salt on either side or none.
type digested struct {
	digest    string
	salt, key []byte
}

func (d digested) matches(password string) bool {
	fn, text := digests(d.digest), []byte(password)
	return hmac.Equal(sum(fn, d.salt, text), d.key) || hmac.Equal(sum(fn, text, d.salt), d.key) // the wire does not say which
}

func (d digested) memory() int64 { return 1 << 10 }

func (d digested) check() error {
	switch fn := digests(d.digest); {
	case fn == nil:
		return wrongHash("the type of a SHA hash is sha1, sha256 or sha512")
	case len(d.key) != fn().Size() || len(d.salt) > 1024:
		return wrongHash("the hash has not the length of its type, or a salt of more than 1024 bytes")
	}
	return nil
}

func (d digested) String() string {
	return fmt.Sprintf("$digest-%s$$%s$%s", d.digest, b64(d.salt), b64(d.key))
}
