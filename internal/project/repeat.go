package project

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// Repeatable is how long the answer to an import with a key is kept.
const Repeatable = 24 * time.Hour

// What callers are told of repeated imports.
var (
	ErrKey       = fault.New(fault.Invalid, "E011003", "Request is invalid: the Idempotency-Key must have 1 to 255 visible ASCII characters")
	ErrOtherBody = fault.New(fault.Invalid, "P42203", "another import was sent with this Idempotency-Key; nothing was applied")
	ErrNoImport  = fault.New(fault.NotFound, "P40403", "no import with this key was done within the last 24 hours")
)

// A repeat is an import that was sent with a key, so that it may be sent again.
type repeat struct {
	key     string
	version int64  // of the data key
	request []byte // keyed fingerprint
}

// Done is what an import with a key did.
type Done struct {
	Result
	At time.Time
}

// checkKey refuses what is no key.
func checkKey(key string) error {
	if len(key) > 255 || key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ErrKey
	}
	return nil
}

// repeatable returns what to keep of an import with a key, or what was answered
// to the same import before.
func (s *Service) repeatable(ctx context.Context, in Import) (*repeat, *Done, error) {
	if err := checkKey(in.Key); err != nil {
		return nil, nil, err
	}
	key, err := s.dataKey(ctx, in.Project)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, ErrNotFound
	}
	if err != nil {
		return nil, nil, err
	}
	request, err := in.fingerprint(key.key)
	if err != nil {
		return nil, nil, err
	}
	var was repeat
	done, err := s.imported(ctx, in.Project, in.Key, &was)
	switch {
	case errors.Is(err, ErrNoImport):
		return &repeat{in.Key, key.version, request}, nil, nil
	case err != nil:
		return nil, nil, err
	case was.version != key.version || !hmac.Equal(was.request, request):
		return nil, nil, ErrOtherBody // also where a new data key makes it impossible to tell
	}
	return nil, done, nil
}

// fingerprint is of everything that an import asks for, secrets included.
func (in Import) fingerprint(key *secret.DataKey) ([]byte, error) {
	tree := snapshot.Tree{}
	for path, content := range in.Upload.Files {
		tree[path] = snapshot.Sum(content)
	}
	type value struct{ Group, ID, Name, Type, Value string }
	asked := struct {
		Files, IfMatch, Kind, Message, Within, Plan, Environment string
		Source                                                   snapshot.Source
		Excludes                                                 []string
		Strict, Moved                                            bool
		Revision                                                 int64
		Secrets                                                  []value
		Weakening                                                []snapshot.RiskCode
	}{
		Files: tree.Digest().String(), IfMatch: in.IfMatch, Kind: string(in.kind()), Message: in.Upload.Message, Within: in.Upload.Within,
		Plan: in.Upload.Plan, Environment: in.Upload.Environment, Source: in.Upload.Source, Excludes: in.Upload.Excludes, Strict: in.Upload.Strict, Moved: in.Upload.AllowMoved,
		Weakening: in.Upload.AllowWeakening,
	}
	if in.target != nil {
		asked.Revision = in.target.revision.Number
	}
	for _, s := range in.Upload.Secrets {
		asked.Secrets = append(asked.Secrets, value{s.Group, s.ID, s.Name, s.Type, s.Value.Reveal()})
	}
	text, err := json.Marshal(asked)
	if err != nil {
		return nil, err
	}
	return key.Fingerprint(secret.Binding{Project: in.Project, Kind: "import"}, secret.New(string(text)))
}

// kept is an answer as it is stored.
type kept struct {
	Revision int64              `json:"revision"`
	Digest   string             `json:"digest"`
	Changed  bool               `json:"changed"`
	Changes  []snapshot.Change  `json:"changes"`
	Warnings []snapshot.Problem `json:"warnings"`
}

// insert keeps the answer to an import, in its transaction. Of two with one key
// at once one wins.
func (r *repeat) insert(tx *store.Tx, id string, res *Result) error {
	if r == nil {
		return nil
	}
	answer, err := json.Marshal(kept{res.Revision, res.Digest.String(), res.Changed, res.Changes, res.Warnings})
	if err != nil {
		return err
	}
	now := time.Now()
	done, err := tx.Exec(`INSERT INTO import_keys (project, key, data_key, request, answer, created_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (project, key) DO UPDATE SET data_key = $3, request = $4, answer = $5, created_at = $6 WHERE import_keys.created_at <= $7`,
		id, r.key, r.version, r.request, string(answer), now.Unix(), now.Add(-Repeatable).Unix())
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrConflict, err)
	}
	return nil
}

// Imported says what an import with a key did: what somebody asks whose
// connection was cut. It is ErrNoImport where it was not applied.
func (s *Service) Imported(ctx context.Context, id, key string) (*Done, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	return s.imported(ctx, id, key, &repeat{})
}

func (s *Service) imported(ctx context.Context, id, key string, was *repeat) (*Done, error) {
	var answer string
	var at int64
	var pending *Pending
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if _, err := get(tx, id); err != nil {
			return err
		}
		if pending, err = readPending(tx, id); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT data_key, request, answer, created_at FROM import_keys WHERE project = $1 AND key = $2 AND created_at > $3`,
			id, key, time.Now().Add(-Repeatable).Unix()).Scan(&was.version, &was.request, &answer, &at)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNoImport
	}
	if err != nil {
		return nil, fmt.Errorf("look for an import: %w", err)
	}
	done := &Done{At: time.Unix(at, 0)}
	if done.Result, err = parseAnswer(answer); err != nil {
		return nil, fmt.Errorf("look for an import: %w", err)
	}
	if pending != nil && pending.Revision == done.Revision {
		done.Pending = pending
	}
	return done, nil
}

// keepAnswer keeps the answer to an import that changed nothing.
func (s *Service) keepAnswer(ctx context.Context, id string, r *repeat, res *Result) error {
	if r == nil {
		return nil
	}
	return s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error { return r.insert(tx, id, res) })
}

// forgetAnswers takes the answers away that are no longer kept.
func forgetAnswers(tx *store.Tx) error {
	_, err := tx.Exec(`DELETE FROM import_keys WHERE created_at <= $1`, time.Now().Add(-Repeatable).Unix())
	return err
}

// Import is apply, but the same request with the same key is one import,
// however often it is sent.
func (s *Service) Import(ctx context.Context, by audit.Origin, in Import) (*Result, error) {
	if in.Key == "" {
		return s.apply(ctx, by, in)
	}
	r, done, err := s.repeatable(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if done != nil {
		done.Repeated = true
		return &done.Result, nil
	}
	in.repeat = r
	return s.apply(ctx, by, in)
}
