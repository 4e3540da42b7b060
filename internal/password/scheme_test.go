package password_test

import (
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"testing"

	"postern/internal/password"
	"postern/internal/secret"
)

// quick are costs that tests can pay many times.
var quick = password.Params{Memory: 7 << 10, Passes: 1, Lanes: 1}

func hasher(t testing.TB) *password.Hasher {
	t.Helper()
	h, err := password.NewHasher(quick, 64<<20, runtime.GOMAXPROCS(0), 256)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func text(hash string) *password.ImportText { return &password.ImportText{Hash: hash} }

// imports are hashes that others published or made: the vectors of RFC 6070, of
// the argon2 reference, of crypt_blowfish, of Firebase's own tool, of the tests of
// Django and of phpass; the rest is from Python's hashlib.
var imports = []struct {
	name     string
	in       password.Import
	password string
}{
	{"bcrypt 2a", password.Import{Bcrypt: text("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")}, "U*U"},
	{"bcrypt 2y", password.Import{Bcrypt: text("$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")}, "U*U"},
	{
		"bcrypt cuts after 72 bytes",
		password.Import{Bcrypt: text("$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui")},
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
	},
	{"argon2id", password.Import{Argon2: &password.ImportArgon2{
		Hash: "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", Salt: "c29tZXNhbHQ=", Iterations: 2, Memory: 256, Threads: 1,
	}}, "password"},
	{"argon2i", password.Import{Argon2: &password.ImportArgon2{
		Hash: "iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8", Salt: "c29tZXNhbHQ", Iterations: 2, Memory: 256, Threads: 1, Type: "argon2i",
	}}, "password"},
	{"pbkdf2 sha1", password.Import{PBKDF2: &password.ImportPBKDF2{Hash: "SwB5AbdlSJq+rUnZJvch0GWkKcE=", Salt: "c2FsdA==", Iterations: 4096, Type: "sha1"}}, "password"},
	{"pbkdf2 sha256", password.Import{PBKDF2: &password.ImportPBKDF2{
		Hash: "xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o=", Salt: "c2FsdA==", Iterations: 4096, Type: "SHA256",
	}}, "password"},
	{"pbkdf2 sha512", password.Import{PBKDF2: &password.ImportPBKDF2{
		Hash: "hn9wzxreAs/zdSWZo6U9xK80x6ZpgVrl1RNVThyM8lLALUcKKFoFAbrZmb/pQ8CPBQI119aLHaVeY/c7YKV/zg==", Salt: "c2FsdA", Iterations: 1, Type: "sha512",
	}}, "password"},
	{"firebase", password.Import{Firebase: &password.ImportFirebase{
		Hash: "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==", Salt: "42xEC+ixf3L2lw==",
		SaltSeparator: "Bw==", Memory: 14, Rounds: 8,
		SignerKey: "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
	}}, "user1password"},
	{"django pbkdf2_sha256", password.Import{Django: text("pbkdf2_sha256$260000$seasalt2$UCGMhrOoaq1ghQPArIBK5RkI6IZLRxlIwHWA1dMy7y8=")}, "lètmein"},
	{"django pbkdf2_sha1", password.Import{Django: text("pbkdf2_sha1$1000$seasalt2$4O6tM3Kd5cOD3UmnpGuCKdAiHa8=")}, "lètmein"},
	{"django scrypt", password.Import{Django: text(
		"scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==")}, "lètmein"},
	{"django argon2", password.Import{Django: text("argon2$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")}, "password"},
	{"django bcrypt", password.Import{Django: text("bcrypt$$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")}, "U*U"},
	{"django md5", password.Import{Django: text("md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3")}, "lètmein"},
	{"django sha1", password.Import{Django: text("sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8")}, "lètmein"},
	{"phpass as PHP stores it", password.Import{Phpass: &password.ImportPhpass{Hash: "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"}}, "test12345"},
	{"phpass in parts", password.Import{Phpass: &password.ImportPhpass{Hash: "eRo7ud9Fh4E2PdI0S3r.L0", Salt: "IQRaTwmf", Iterations: 2048, Type: "md5"}}, "test12345"},
	{"phpass sha512, cut", password.Import{Phpass: &password.ImportPhpass{
		Hash: "8s5atZ/5wNQGCTJ1Tj.bX9ujBq7Ygfl/XuwYlM6F9X0", Salt: "QhEZVF1N", Iterations: 128, Type: "sha512",
	}}, "secret"},
	{"md5", password.Import{MD5: text("5F4DCC3B5AA765D61D8327DEB882CF99")}, "password"},
	{"sha1", password.Import{SHA: &password.ImportSHA{Hash: "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", Type: "sha1"}}, "password"},
	{"sha256 after its salt", password.Import{SHA: &password.ImportSHA{
		Hash: "21baed949b716c49cbf7d8fe79412f1dc104745650a32081ae0be0b967aeb7f3", Type: "SHA-256", Salt: hex.EncodeToString([]byte("salt")),
	}}, "pw"},
	{"sha256 before its salt", password.Import{SHA: &password.ImportSHA{
		Hash: "21baed949b716c49cbf7d8fe79412f1dc104745650a32081ae0be0b967aeb7f3", Type: "sha256", Salt: hex.EncodeToString([]byte("pw")),
	}}, "salt"},
}

func TestImportedHashesAreRecognised(t *testing.T) {
	t.Parallel()
	h := hasher(t)
	for _, tt := range imports {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			stored, err := tt.in.Encode()
			if err != nil {
				t.Fatal(err)
			}
			ok, stale, err := h.Verify(t.Context(), "P1", secret.New(tt.password), stored)
			if !ok || !stale || err != nil {
				t.Errorf("the right password: %v, stale %v, %v", ok, stale, err)
			}
			for _, wrong := range []string{"", "x" + tt.password, tt.password[1:], strings.ToUpper(tt.password) + "x", strings.Repeat("x", 1<<20)} {
				if ok, stale, err := h.Verify(t.Context(), "P1", secret.New(wrong), stored); ok || stale || err != nil {
					t.Errorf("a wrong password of %d bytes: %v, stale %v, %v", len(wrong), ok, stale, err)
				}
			}
		})
	}
}

func TestImportsThatAreRefused(t *testing.T) {
	t.Parallel()
	b64 := "AAAAAAAAAAAAAAAAAAAAAA=="
	tests := []struct {
		name string
		in   password.Import
		says string
	}{
		{"none", password.Import{}, "one kind"},
		{"two", password.Import{MD5: text("5f4dcc3b5aa765d61d8327deb882cf99"), Bcrypt: text("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")}, "one kind"},
		{"a service that nothing is known of", password.Import{Bach: &struct{}{}}, "nothing is known"},
		{"bcrypt of another form", password.Import{Bcrypt: text("$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")}, "bcrypt"},
		{"bcrypt cut short", password.Import{Bcrypt: text("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe")}, "bcrypt"},
		{"bcrypt with a strange character", password.Import{Bcrypt: text("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyO$W")}, "bcrypt"},
		{"bcrypt that takes minutes", password.Import{Bcrypt: text("$2a$20$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")}, "costs more"},
		{"argon2d", password.Import{Argon2: &password.ImportArgon2{Hash: b64, Salt: b64, Iterations: 1, Memory: 64, Threads: 1, Type: "d"}}, "argon2d"},
		{"argon2 of many gigabytes", password.Import{Argon2: &password.ImportArgon2{Hash: b64, Salt: b64, Iterations: 1, Memory: 1 << 30, Threads: 1}}, "costs more"},
		{"argon2 of a billion passes", password.Import{Argon2: &password.ImportArgon2{Hash: b64, Salt: b64, Iterations: 1 << 30, Memory: 64, Threads: 1}}, "costs more"},
		{"argon2 with more memory than all hashes may take", password.Import{Argon2: &password.ImportArgon2{Hash: b64, Salt: b64, Iterations: 1, Memory: 300 << 10, Threads: 1}}, "costs more"},
		{"argon2 of many threads", password.Import{Argon2: &password.ImportArgon2{Hash: b64, Salt: b64, Iterations: 1, Memory: 4096, Threads: 200}}, "costs more"},
		{"argon2 of no threads", password.Import{Argon2: &password.ImportArgon2{Hash: b64, Salt: b64, Iterations: 1, Memory: 4096}}, "argon2"},
		{"argon2 of 257 threads", password.Import{Argon2: &password.ImportArgon2{Hash: b64, Salt: b64, Iterations: 1, Memory: 4096, Threads: 257}}, "argon2"},
		{"argon2 of a negative memory", password.Import{Argon2: &password.ImportArgon2{Hash: b64, Salt: b64, Iterations: 1, Memory: -1, Threads: 1}}, "argon2"},
		{"argon2 of no bytes", password.Import{Argon2: &password.ImportArgon2{Salt: b64, Iterations: 1, Memory: 64, Threads: 1}}, "16 to 128 bytes"},
		{"argon2 that is no base64", password.Import{Argon2: &password.ImportArgon2{Hash: "?", Salt: b64, Iterations: 1, Memory: 64, Threads: 1}}, "base64"},
		{"pbkdf2 of a billion iterations", password.Import{PBKDF2: &password.ImportPBKDF2{Hash: b64, Salt: b64, Iterations: 1e9, Type: "sha1"}}, "costs more"},
		{"pbkdf2 of a wide hash", password.Import{PBKDF2: &password.ImportPBKDF2{
			Hash: strings.Repeat("AAAA", 42), Salt: b64, Iterations: 600_000, Type: "sha1",
		}}, "costs more"}, // 126 bytes are seven blocks
		{"pbkdf2 of no iterations", password.Import{PBKDF2: &password.ImportPBKDF2{Hash: b64, Salt: b64, Type: "sha1"}}, "iteration"},
		{"pbkdf2 of md5", password.Import{PBKDF2: &password.ImportPBKDF2{Hash: b64, Salt: b64, Iterations: 1, Type: "md5"}}, "sha1, sha256 or sha512"},
		{"pbkdf2 of one byte", password.Import{PBKDF2: &password.ImportPBKDF2{Hash: "AA==", Salt: b64, Iterations: 1, Type: "sha1"}}, "16 to 128"},
		{"firebase of many gigabytes", password.Import{Firebase: &password.ImportFirebase{Hash: b64, Salt: b64, SignerKey: b64, Memory: 30, Rounds: 8}}, "costs more"},
		{"firebase of an N that overflows", password.Import{Firebase: &password.ImportFirebase{Hash: b64, Salt: b64, SignerKey: b64, Memory: 64, Rounds: 8}}, "costs more"},
		{"firebase with another length than its key", password.Import{Firebase: &password.ImportFirebase{Hash: "AAAA", Salt: b64, SignerKey: b64, Memory: 14, Rounds: 8}}, "as many bytes"},
		{"django unusable", password.Import{Django: text("!x")}, "Django"},
		{"django of a scrypt with an odd factor", password.Import{Django: text("scrypt$16385$s$8$1$" + b64)}, "power of two"},
		{"django of a scrypt that takes gigabytes", password.Import{Django: text("scrypt$1048576$s$64$1$" + b64)}, "costs more"},
		{"django of an argon2 with another version", password.Import{Django: text("argon2$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$" + b64[:22])}, "Django"},
		{"django of an argon2 that takes hours", password.Import{Django: text("argon2$argon2id$v=19$m=64,t=4000000000,p=1$c29tZXNhbHQ$" + b64[:22])}, "costs more"},
		{"phpass of a billion rounds", password.Import{Phpass: &password.ImportPhpass{Hash: "$P$S12345678eRo7ud9Fh4E2PdI0S3r.L0"}}, "costs more"},
		{"phpass of another kind", password.Import{Phpass: &password.ImportPhpass{Hash: "$Q$B12345678eRo7ud9Fh4E2PdI0S3r.L0"}}, "begins with"},
		{"phpass of few bytes", password.Import{Phpass: &password.ImportPhpass{Hash: "eRo7", Salt: "12345678", Iterations: 1, Type: "md5"}}, "16 bytes"},
		{"phpass of sha256", password.Import{Phpass: &password.ImportPhpass{Hash: "eRo7ud9Fh4E2PdI0S3r.L0", Salt: "12345678", Iterations: 1, Type: "sha256"}}, "md5 or sha512"},
		{"md5 that is short", password.Import{MD5: text("5f4dcc")}, "length"},
		{"md5 that is no hex", password.Import{MD5: text("password")}, "hex"},
		{"sha of another length", password.Import{SHA: &password.ImportSHA{Hash: "5f4dcc3b5aa765d61d8327deb882cf99", Type: "sha256"}}, "length"},
		{"sha that is md5", password.Import{SHA: &password.ImportSHA{Hash: "5f4dcc3b5aa765d61d8327deb882cf99", Type: "md5"}}, "sha1, sha256 or sha512"},
	}
	for _, tt := range tests {
		stored, err := tt.in.Encode()
		if !errors.Is(err, password.ErrHash) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %q, %v, want an error that says %q", tt.name, stored, err, tt.says)
		}
	}
}

// Whatever is stored, reading it is safe.
func FuzzStoredHash(f *testing.F) {
	for _, tt := range imports {
		stored, err := tt.in.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(stored)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		again, err := password.Reencode(stored)
		if err != nil {
			return
		}
		if twice, err := password.Reencode(again); err != nil || twice != again {
			t.Errorf("%q is read as %q, and that as %q, %v", stored, again, twice, err)
		}
	})
}
