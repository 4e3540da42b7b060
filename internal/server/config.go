package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/internal/project"
	"postern/internal/secret"
)

// Config is every setting of the server: one field, one flag, one variable of
// the environment, one default. Secrets come from a file or the environment;
// package cli refuses them on the command line.
type Config struct {
	Listen   string `help:"Address to listen on, host:port." default:"localhost:8787" env:"POSTERN_LISTEN" placeholder:"ADDRESS"`
	Database string `help:"SQLite file, or postgres:// URL." default:"postern.db" env:"POSTERN_DATABASE" placeholder:"URL"`

	PublicURL string `name:"public-url" help:"Where clients reach the server, https://host without a path, for what names it: issuers of tokens and links. Blank is the address that a request came to." env:"POSTERN_PUBLIC_URL" placeholder:"URL"`

	MasterKeyFile string      `help:"File with the key that seals secrets, readable by its owner only. The key itself may be in POSTERN_MASTER_KEY instead." env:"POSTERN_MASTER_KEY_FILE" placeholder:"FILE" type:"path"`
	MakeMasterKey bool        `help:"Make the master key file if it is missing." env:"POSTERN_MAKE_MASTER_KEY"`
	MasterKey     secret.Text `help:"The master key itself." env:"POSTERN_MASTER_KEY" hidden:""`

	TLSCert string `name:"tls-cert" help:"File with the certificate chain in PEM; with --tls-key the server speaks HTTPS." env:"POSTERN_TLS_CERT" placeholder:"FILE" type:"path"`
	TLSKey  string `name:"tls-key" help:"File with the key of the certificate in PEM." env:"POSTERN_TLS_KEY" placeholder:"FILE" type:"path"`

	LogLevel slog.Level `help:"What is logged: debug, info, warn or error, and all that is worse." default:"info" env:"POSTERN_LOG_LEVEL" placeholder:"LEVEL"`
	Tuning
}

// Tuning are the settings with a default that is right for most.
type Tuning struct {
	LogFormat string `help:"How the log is written: text or json." enum:"text,json" default:"text" env:"POSTERN_LOG_FORMAT" placeholder:"FORMAT"`

	MaxBody       Size `help:"Largest request body." default:"64MiB" env:"POSTERN_MAX_BODY" placeholder:"SIZE"`
	MaxFiles      int  `help:"Most files in one snapshot." default:"100000" env:"POSTERN_MAX_FILES" placeholder:"N"`
	DatabaseConns int  `help:"Most connections to the database at once." default:"16" env:"POSTERN_DATABASE_CONNS" placeholder:"N"`

	PasswordMemory Size `help:"Memory of one password hash (argon2id)." default:"19MiB" env:"POSTERN_PASSWORD_MEMORY" placeholder:"SIZE"`
	PasswordPasses int  `help:"Passes of one password hash over its memory." default:"2" env:"POSTERN_PASSWORD_PASSES" placeholder:"N"`
	PasswordLanes  int  `help:"Goroutines of one password hash." default:"1" env:"POSTERN_PASSWORD_LANES" placeholder:"N"`
	HashingMemory  Size `help:"Memory of all password hashes at once; what does not fit waits for its turn." default:"256MiB" env:"POSTERN_HASHING_MEMORY" placeholder:"SIZE"`
	HashingQueue   int  `help:"Most passwords that wait to be hashed; who comes then is told to try again in a moment. Projects take turns." default:"256" env:"POSTERN_HASHING_QUEUE" placeholder:"N"`
	DPoPNonce      bool `name:"dpop-nonce" help:"Take a DPoP proof only with a nonce that this server has given within five minutes (RFC 9449, section 8). A client gets one with the answer to a proof without: 401, and the header DPoP-Nonce. The SDKs of the wire do not answer to that." env:"POSTERN_DPOP_NONCE"`
	Abuse
	Outbound

	Retention
	CollectEvery time.Duration `help:"How often to take away what nothing needs any more: projects that were deleted 30 days ago, contents of no revision. 0 is never." default:"1h" env:"POSTERN_COLLECT_EVERY" placeholder:"TIME"`

	ReadHeaderTimeout time.Duration `help:"Longest time for the headers of a request." default:"10s" env:"POSTERN_READ_HEADER_TIMEOUT" placeholder:"TIME"`
	ReadTimeout       time.Duration `help:"Longest time for a whole request to come in." default:"5m" env:"POSTERN_READ_TIMEOUT" placeholder:"TIME"`
	WriteTimeout      time.Duration `help:"Longest time from the end of the headers to the end of the answer." default:"10m" env:"POSTERN_WRITE_TIMEOUT" placeholder:"TIME"`
	IdleTimeout       time.Duration `help:"How long a connection may wait for its next request." default:"2m" env:"POSTERN_IDLE_TIMEOUT" placeholder:"TIME"`
	ShutdownTimeout   time.Duration `help:"How long requests may still run when the server is told to stop." default:"30s" env:"POSTERN_SHUTDOWN_TIMEOUT" placeholder:"TIME"`
}

// Retention says which revisions the collection leaves. Commands that collect
// have these settings too.
type Retention struct {
	KeepRevisions    int           `help:"How many of the newest revisions of a project the collection leaves; 0 sets no number. It takes nothing that one of the two settings keeps, and where both are 0 no revision at all." default:"0" env:"POSTERN_KEEP_REVISIONS" placeholder:"N"`
	KeepRevisionsFor time.Duration `help:"How long the collection leaves a revision; 0 sets no time." default:"0" env:"POSTERN_KEEP_REVISIONS_FOR" placeholder:"TIME"`
}

// Keep returns the settings as the collection takes them.
func (r Retention) Keep() (project.Retention, error) {
	if r.KeepRevisions < 0 || r.KeepRevisionsFor < 0 {
		return project.Retention{}, errKeep
	}
	return project.Retention{Newest: r.KeepRevisions, For: r.KeepRevisionsFor}, nil
}

var (
	errTLSPair  = errors.New("--tls-cert and --tls-key belong together: give both, or none")
	errTwoKeys  = errors.New("there is a master key file and a master key in POSTERN_MASTER_KEY: give one of them")
	errMakeIt   = errors.New("--make-master-key needs --master-key-file, the file to make")
	errCollect  = errors.New("--collect-every must not be negative; 0 is never")
	errKeep     = errors.New("--keep-revisions and --keep-revisions-for must not be negative; 0 sets none")
	errPublic   = errors.New("--public-url must be http:// or https:// and a host, without a path, a query or a user")
	errHashing  = errors.New("--password-memory is 7MiB to 4GiB, --password-passes 1 to 64, --password-lanes 1 to 16, --hashing-memory as much as one hash takes at least, and --hashing-queue 1 at least")
	errPositive = errors.New("the limits and timeouts must be greater than zero")
)

// check says what is wrong with settings that contradict each other.
func (c *Config) check() error {
	_, keep := c.Keep()
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errTLSPair
	case c.MasterKeyFile != "" && !c.MasterKey.IsZero():
		return errTwoKeys
	case c.MakeMasterKey && c.MasterKeyFile == "":
		return errMakeIt
	case !publicURL(c.PublicURL):
		return errPublic
	case c.CollectEvery < 0:
		return errCollect
	case keep != nil:
		return keep
	case c.hasher() == nil:
		return errHashing
	case c.Abuse.check() != nil:
		return c.Abuse.check()
	case c.DatabaseConns <= 0, c.MaxBody <= 0, c.MaxFiles <= 0, c.ReadHeaderTimeout <= 0, c.ReadTimeout <= 0,
		c.WriteTimeout <= 0, c.IdleTimeout <= 0, c.ShutdownTimeout <= 0:
		return errPositive
	}
	return nil
}

// publicURL reports whether text is the URL of a server, or blank.
func publicURL(text string) bool {
	u, err := url.Parse(text)
	return text == "" || err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && text == u.Scheme+"://"+u.Host
}

// certificates reads the certificate and its key, where there are some.
func (c *Config) certificates() ([]tls.Certificate, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	switch {
	case err == nil:
		return []tls.Certificate{pair}, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the certificate cannot be read: %w", err)
	default:
		return nil, fmt.Errorf("--tls-cert %s and --tls-key %s are not a certificate in PEM and its key; are they swapped, or of two pairs? (%w)",
			c.TLSCert, c.TLSKey, err)
	}
}

// Logger returns the logger that the settings ask for.
func (c *Config) Logger(w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// Size is a number of bytes, written as "64MiB", "2GB" or "1048576".
type Size int64

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	digits := strings.TrimRight(string(text), "KMGTiBkb ")
	unit, ok := map[string]int64{
		"": 1, "B": 1,
		"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}[strings.TrimSpace(string(text)[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || n < 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("%q is not a size such as 64MiB", text)
	}
	*s = Size(n * unit)
	return nil
}
