package password

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/bits"
	"strconv"
	"strings"
)

// Import is a password hashed by another service, as the management API brings
// it (PasswordImport and its parts in the wire's schemas). Exactly one is set.
// Bytes are base64, with padding or without; texts of digests are hex.
type Import struct {
	Bcrypt    *ImportText     `json:"bcrypt,omitzero"`
	Django    *ImportText     `json:"django,omitzero"`
	Firebase  *ImportFirebase `json:"firebase,omitzero"`
	PBKDF2    *ImportPBKDF2   `json:"pbkdf2,omitzero"`
	Phpass    *ImportPhpass   `json:"phpass,omitzero"`
	MD5       *ImportText     `json:"md5,omitzero"`
	SHA       *ImportSHA      `json:"sha,omitzero"`
	Argon2    *ImportArgon2   `json:"argon2,omitzero"`
	Bach      *struct{}       `json:"bach,omitzero"`      // of one service only; refused
	Buddyauth *struct{}       `json:"buddyauth,omitzero"` // the same
}

// ImportText is a hash whose text says all.
type ImportText struct {
	Hash string `json:"hash"`
}

// ImportFirebase is a hash by the scrypt of Firebase. Memory is the power of two
// of scrypt's N, and Rounds its r.
type ImportFirebase struct {
	Hash          string `json:"hash"`
	Salt          string `json:"salt"`
	SaltSeparator string `json:"saltSeparator"`
	SignerKey     string `json:"signerKey"`
	Memory        int    `json:"memory"`
	Rounds        int    `json:"rounds"`
}

// ImportPBKDF2 is a hash by PBKDF2; Type is sha1, sha256 or sha512.
type ImportPBKDF2 struct {
	Hash       string `json:"hash"`
	Salt       string `json:"salt"`
	Iterations int    `json:"iterations"`
	Type       string `json:"type"`
}

// ImportPhpass is a portable PHP hash, in its own base64; Type is md5 or sha512.
// A Hash that is the whole of what PHP stored ("$P$B…") says the rest itself.
type ImportPhpass struct {
	Hash       string `json:"hash"`
	Salt       string `json:"salt"`
	Iterations int    `json:"iterations"`
	Type       string `json:"type"`
}

// ImportSHA is a digest; Type is sha1, sha256 or sha512, and Salt is hex.
type ImportSHA struct {
	Hash string `json:"hash"`
	Type string `json:"type"`
	Salt string `json:"salt"`
}

// ImportArgon2 is a hash by argon2. Memory is in KiB; Type is i or id, and id if
// it is empty.
type ImportArgon2 struct {
	Hash       string `json:"hash"`
	Salt       string `json:"salt"`
	Iterations int    `json:"iterations"`
	Memory     int    `json:"memory"`
	Threads    int    `json:"threads"`
	Type       string `json:"type"`
}

// Encode returns the hash in the form that Hasher.Verify takes, or an ErrHash that says what is wrong
// with it: its form, or that comparing it would take too long.
func (in *Import) Encode() (string, error) {
	var found verifier
	var err error
	n := 0
	take := func(given bool, read func() (verifier, error)) {
		if given {
			n++
			found, err = read()
		}
	}
	take(in.Bcrypt != nil, func() (verifier, error) { return bcrypted{hash: in.Bcrypt.Hash}, nil })
	take(in.Django != nil, func() (verifier, error) { return readDjango(in.Django.Hash) })
	take(in.Firebase != nil, func() (verifier, error) { return in.Firebase.read() })
	take(in.PBKDF2 != nil, func() (verifier, error) { return in.PBKDF2.read() })
	take(in.Phpass != nil, func() (verifier, error) { return in.Phpass.read() })
	take(in.MD5 != nil, func() (verifier, error) { return readHex("md5", in.MD5.Hash, nil) })
	take(in.SHA != nil, func() (verifier, error) { return in.SHA.read() })
	take(in.Argon2 != nil, func() (verifier, error) { return in.Argon2.read() })
	switch {
	case in.Bach != nil || in.Buddyauth != nil:
		return "", wrongHash("bach and buddyauth are hashes that nothing is known of; import them in another form")
	case n != 1:
		return "", wrongHash("one kind of hash is needed: bcrypt, argon2, pbkdf2, firebase, django, phpass, md5 or sha")
	case err != nil:
		return "", err
	}
	if err := found.check(); err != nil {
		return "", err
	}
	if found.memory() > mostMemory {
		return "", errTooCostly
	}
	return found.String(), nil
}

// count reads a cost. What is no cost becomes 0, which every check refuses.
func count(n int) uint32 {
	if n < 0 || n > 1<<31-1 {
		return 0
	}
	return uint32(n)
}

func readBytes(texts ...string) ([][]byte, error) {
	out := make([][]byte, len(texts))
	for i, s := range texts {
		b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
		if err != nil {
			return nil, wrongHash("the bytes of a hash, its salt and its key are base64")
		}
		out[i] = b
	}
	return out, nil
}

func readHex(digest, text string, salt []byte) (verifier, error) {
	key, err := hex.DecodeString(text)
	if err != nil {
		return nil, wrongHash("a digest is hex")
	}
	return digested{digest: digest, salt: salt, key: key}, nil
}

func (in *ImportSHA) read() (verifier, error) {
	salt, err := hex.DecodeString(in.Salt)
	if err != nil {
		return nil, wrongHash("the salt of a SHA hash is hex")
	}
	digest := strings.ReplaceAll(strings.ToLower(in.Type), "-", "")
	if !strings.HasPrefix(digest, "sha") {
		digest = "" // md5 has a place of its own
	}
	return readHex(digest, in.Hash, salt)
}

func (in *ImportArgon2) read() (verifier, error) {
	b, err := readBytes(in.Hash, in.Salt)
	if err != nil {
		return nil, err
	}
	a := argon{Params: Params{Memory: count(in.Memory), Passes: count(in.Iterations)}, key: b[0], salt: b[1]}
	if in.Threads > 0 && in.Threads <= 255 {
		a.Lanes = uint8(in.Threads)
	}
	switch strings.TrimPrefix(strings.ToLower(in.Type), "argon2") {
	case "", "id":
	case "i":
		a.independent = true
	default:
		return nil, wrongHash("the type of an argon2 hash is i or id; argon2d is not made for passwords")
	}
	return a, nil
}

func (in *ImportPBKDF2) read() (verifier, error) {
	b, err := readBytes(in.Hash, in.Salt)
	if err != nil {
		return nil, err
	}
	digest := strings.ReplaceAll(strings.ToLower(in.Type), "-", "")
	return stretched{digest: digest, iterations: count(in.Iterations), key: b[0], salt: b[1]}, nil
}

func (in *ImportFirebase) read() (verifier, error) {
	b, err := readBytes(in.Hash, in.Salt, in.SaltSeparator, in.SignerKey)
	if err != nil {
		return nil, err
	}
	return firebase{ln: count(in.Memory), r: count(in.Rounds), key: b[0], salt: b[1], separator: b[2], signer: b[3]}, nil
}

// phpAlphabet is the base64 of portable PHP hashes, the low bits first.
const phpAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func (in *ImportPhpass) read() (verifier, error) {
	text, p := in.Hash, phpass{digest: strings.ToLower(in.Type), iterations: count(in.Iterations), salt: []byte(in.Salt)}
	if len(text) > 12 && text[0] == '$' && text[2] == '$' { // "$P$B12345678…": digest, cost, salt, hash
		p.digest = map[byte]string{'P': "md5", 'H': "md5", 'S': "sha512"}[text[1]]
		power := strings.IndexByte(phpAlphabet, text[3])
		if p.digest == "" || power < 0 || power > 30 {
			return nil, wrongHash(`a phpass hash begins with "$P$", "$H$" or "$S$" and its cost`)
		}
		p.iterations, p.salt, text = 1<<power, []byte(text[4:12]), text[12:]
	}
	var ok bool
	if p.key, ok = unPHP(text); !ok {
		return nil, wrongHash("a phpass hash is base64 of the characters . / 0-9 A-Z a-z")
	}
	return p, nil
}

// unPHP decodes the base64 of portable PHP hashes. What is left of a cut hash and
// is no whole byte is passed over.
func unPHP(text string) ([]byte, bool) {
	var out []byte
	var acc, n uint
	for _, c := range []byte(text) {
		v := strings.IndexByte(phpAlphabet, c)
		if v < 0 {
			return nil, false
		}
		acc |= uint(v) << n
		if n += 6; n >= 8 {
			out = append(out, byte(acc&0xff))
			acc, n = acc>>8, n-8
		}
	}
	return out, true
}

// readDjango reads the forms of Django's own hashers.
func readDjango(text string) (verifier, error) {
	unknown := wrongHash("a Django hash is one of pbkdf2_sha256, pbkdf2_sha1, argon2, bcrypt, bcrypt_sha256, scrypt, md5 and sha1, with its parts between $")
	name, rest, _ := strings.Cut(text, "$")
	parts := strings.Split(rest, "$")
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			return -1
		}
		return n
	}
	switch {
	case (name == "pbkdf2_sha256" || name == "pbkdf2_sha1") && len(parts) == 3:
		b, err := readBytes(parts[2])
		if err != nil {
			return nil, err
		}
		return stretched{digest: strings.TrimPrefix(name, "pbkdf2_"), iterations: count(number(parts[0])), salt: []byte(parts[1]), key: b[0]}, nil
	case name == "argon2":
		a, err := parseArgon("$" + rest)
		if errors.Is(err, errMalformed) {
			return nil, unknown
		}
		return a, err
	case name == "bcrypt" || name == "bcrypt_sha256":
		return bcrypted{hash: rest, digested: name == "bcrypt_sha256"}, nil
	case name == "scrypt" && len(parts) == 5:
		b, err := readBytes(parts[4])
		n := number(parts[0])
		if err != nil {
			return nil, err
		}
		if n < 2 || n&(n-1) != 0 {
			return nil, wrongHash("the work factor of scrypt is a power of two")
		}
		ln := bits.TrailingZeros(uint(n))
		return scrypted{ln: count(ln), r: count(number(parts[2])), p: count(number(parts[3])), salt: []byte(parts[1]), key: b[0]}, nil
	case (name == "md5" || name == "sha1") && len(parts) == 2:
		return readHex(name, parts[1], []byte(parts[0]))
	default:
		return nil, unknown
	}
}
