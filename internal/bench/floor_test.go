package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"postern/internal/testkit"
)

// A bare server does what any must do for the same jobs: it verifies a token, reads
// one row, makes one durable change, which those who wait share, and signs two
// tokens. It has no settings, no users and no second thoughts.
type bare struct {
	url    string
	key    *ecdsa.PrivateKey
	find   *sql.Stmt
	change func(shown) error // makes one durable change
	tokens []string          // one session a client
}

// An ask is a change that waits for the commit.
type ask struct {
	id         string
	generation int64
	done       chan error
}

const bareClaims = `{"amr":["email"],"drn":"DS","exp":%d,"gen":%d,"iat":%d,"iss":"P2abcdefghijklmnopqrstuvwxyz0","sid":"%s","sub":"U2abcdefghijklmnopqrstuvwxyz0"}`

// newBare is a bare server on SQLite.
func newBare(t testing.TB) *bare {
	t.Helper()
	return newBareOn(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "bare.db")+
		"?_txlock=immediate&_pragma=journal_mode(wal)&_pragma=wal_autocheckpoint(4000)&_pragma=synchronous(full)&_pragma=busy_timeout(10000)")
}

// newBareBeside is a bare server on PostgreSQL, for ours that is there too; nil where
// ours is on SQLite.
func newBareBeside(t testing.TB, kind string) *bare {
	t.Helper()
	if kind != "PostgreSQL" {
		return nil
	}
	return newBareOn(t, "pgx", testkit.Postgres(t))
}

func newBareOn(t testing.TB, driver, database string) *bare {
	t.Helper()
	db, err := sql.Open(driver, database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(clients + 1)
	db.SetMaxIdleConns(clients + 1)
	if _, err := db.Exec(`CREATE TABLE sessions (id TEXT NOT NULL PRIMARY KEY, generation BIGINT NOT NULL, ended BIGINT NOT NULL DEFAULT 0)`); err != nil {
		t.Fatal(err)
	}
	b := &bare{}
	if b.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	for i := range clients {
		id := fmt.Sprintf("SE2abcdefghijklmnopqrstuvw%d", i)
		if _, err := db.Exec(`INSERT INTO sessions (id, generation) VALUES ($1, 0)`, id); err != nil {
			t.Fatal(err)
		}
		token, err := b.sign(fmt.Sprintf(bareClaims, time.Now().Add(time.Hour).Unix(), 0, time.Now().Unix(), id))
		if err != nil {
			t.Fatal(err)
		}
		b.tokens = append(b.tokens, token)
	}
	if b.find, err = db.Prepare(`SELECT generation, ended FROM sessions WHERE id = $1`); err != nil {
		t.Fatal(err)
	}
	change, err := db.Prepare(`UPDATE sessions SET generation = generation + 1 WHERE id = $1 AND generation = $2 AND ended = 0`) //nolint:sqlclosecheck // it is closed with the database
	if err != nil {
		t.Fatal(err)
	}
	b.change = func(s shown) error {
		_, err := change.Exec(s.ID, s.Generation)
		return err // PostgreSQL shares the syncs of those who commit at once
	}
	if driver == "sqlite" {
		asks := make(chan ask, clients)
		go commit(db, change, asks)
		t.Cleanup(func() { close(asks) })
		b.change = func(s shown) error {
			a := ask{id: s.ID, generation: s.Generation, done: make(chan error, 1)}
			asks <- a
			return <-a.done
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /refresh", b.refresh)
	mux.HandleFunc("POST /validate", b.validate)
	mux.HandleFunc("POST /link", func(w http.ResponseWriter, r *http.Request) { b.code(w, r, 1) })
	mux.HandleFunc("POST /code", func(w http.ResponseWriter, r *http.Request) { b.code(w, r, 2) })
	h := httptest.NewServer(mux)
	t.Cleanup(h.Close)
	b.url = strings.TrimPrefix(h.URL, "http://")
	return b
}

// commit makes one commit for all who wait, again and again.
func commit(db *sql.DB, change *sql.Stmt, asks <-chan ask) {
	for first := range asks {
		all := []ask{first}
		for more := true; more && len(all) < clients; {
			select {
			case a := <-asks:
				all = append(all, a)
			default:
				more = false
			}
		}
		err := inOne(db, change, all)
		for _, a := range all {
			a.done <- err
		}
	}
}

func inOne(db *sql.DB, change *sql.Stmt, all []ask) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	stmt := tx.Stmt(change)
	defer stmt.Close()
	for _, a := range all {
		if _, err := stmt.Exec(a.id, a.generation); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// shown is what a token says.
type shown struct {
	ID         string `json:"sid"`
	Generation int64  `json:"gen"`
	Expires    int64  `json:"exp"`
}

var errBare = errors.New("the token is not valid")

// verify reads the token of a request, and the row of its session.
func (b *bare) verify(ctx context.Context, bearer string) (s shown, payload []byte, err error) {
	_, token, _ := strings.Cut(strings.TrimPrefix(bearer, "Bearer "), ":")
	signed, signature, _ := cutLast(token)
	_, body, _ := strings.Cut(signed, ".")
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || len(sig) != 64 {
		return s, nil, errBare
	}
	sum := sha256.Sum256([]byte(signed))
	if !ecdsa.Verify(&b.key.PublicKey, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return s, nil, errBare
	}
	if payload, err = base64.RawURLEncoding.DecodeString(body); err != nil {
		return s, nil, err
	}
	if err := json.Unmarshal(payload, &s); err != nil || time.Now().Unix() >= s.Expires {
		return s, nil, errBare
	}
	var generation, ended int64
	if err := b.find.QueryRowContext(ctx, s.ID).Scan(&generation, &ended); err != nil || ended != 0 {
		return s, nil, errBare
	}
	return s, payload, nil
}

func cutLast(token string) (before, after string, ok bool) {
	i := strings.LastIndexByte(token, '.')
	if i < 0 {
		return token, "", false
	}
	return token[:i], token[i+1:], true
}

func (b *bare) sign(payload string) (string, error) {
	const header = `{"alg":"ES256","kid":"SK2abcdefghijklmnopqrstuvwxyz","typ":"JWT"}`
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, b.key, sum[:])
	if err != nil {
		return "", err
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

func (b *bare) refresh(w http.ResponseWriter, r *http.Request) {
	s, _, err := b.verify(r.Context(), r.Header.Get("Authorization"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	if err := b.change(s); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	b.answer(w, s)
}

// code reads one row and changes it so often, each time durably: a session, or a try
// that counts and a session.
func (b *bare) code(w http.ResponseWriter, r *http.Request, changes int) {
	_, client, _ := strings.Cut(r.Header.Get("Authorization"), ":")
	s := shown{ID: "SE2abcdefghijklmnopqrstuvw" + client}
	var ended int64
	err := b.find.QueryRowContext(r.Context(), s.ID).Scan(&s.Generation, &ended)
	for range changes {
		if err == nil {
			err = b.change(s)
			s.Generation++
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	b.answer(w, s)
}

// answer gives two tokens.
func (b *bare) answer(w http.ResponseWriter, s shown) {
	now := time.Now()
	out, err := map[string]string{}, error(nil)
	for name, length := range map[string]time.Duration{"sessionJwt": 10 * time.Minute, "refreshJwt": 4 * 7 * 24 * time.Hour} {
		out[name], err = b.sign(fmt.Sprintf(bareClaims, now.Add(length).Unix(), s.Generation+1, now.Unix(), s.ID))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.MarshalWrite(w, out)
}

func (b *bare) validate(w http.ResponseWriter, r *http.Request) {
	_, payload, err := b.verify(r.Context(), r.Header.Get("Authorization"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(payload)
}
