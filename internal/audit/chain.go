package audit

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/store"
)

// A Hash is the SHA-256 of a record and of the hash of the record before it.
// Before the first one it is nil.
type Hash []byte

// MarshalText writes h in hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// A Link is a record as it is hashed, and as it is exported: one line of JSON
// with these members in this order.
type Link struct {
	Project string         `json:"project"` // names the chain
	Number  int64          `json:"number"`  // in its chain, from 1; 0 is a record from before there were chains
	ID      string         `json:"id"`
	Actor   string         `json:"actor"`
	Action  string         `json:"action"`
	Outcome string         `json:"outcome"`
	At      int64          `json:"occurredAt"` // Unix milliseconds
	Remote  string         `json:"remote"`
	Request string         `json:"request"`
	Details jsontext.Value `json:"details"` // as it is stored
	Hash    Hash           `json:"hash,omitempty"`
}

// follow returns the hash that l has after a record with the hash before.
func (l Link) follow(before Hash) (Hash, error) {
	l.Hash = nil
	text, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(bytes.Clone(before), text...))
	return sum[:], nil
}

// extend appends l to the chain of its project and writes its number and hash.
// The row of the chain is changed first, so that of two transactions that
// extend one chain the second waits, and none of them forks it.
func (l *Link) extend(tx *store.Tx) error {
	const next = `UPDATE audit_chains SET number = number + 1 WHERE project = $1 RETURNING number, hash`
	var before Hash
	err := tx.QueryRow(next, l.Project).Scan(&l.Number, (*[]byte)(&before))
	if errors.Is(err, sql.ErrNoRows) { // the first record of the chain
		if _, err := tx.Exec(`INSERT INTO audit_chains (project, number) VALUES ($1, 0) ON CONFLICT (project) DO NOTHING`, l.Project); err != nil {
			return err
		}
		err = tx.QueryRow(next, l.Project).Scan(&l.Number, (*[]byte)(&before))
	}
	if err != nil {
		return err
	}
	if l.Hash, err = l.follow(before); err != nil {
		return err
	}
	return tx.Later(`UPDATE audit_chains SET hash = $2 WHERE project = $1`, l.Project, []byte(l.Hash))
}

const linkColumns = `project, number, id, actor, action, outcome, occurred_at, remote, request, details, hash`

func scanLink(row store.Scanner) (Link, error) {
	var l Link
	var details string
	err := row.Scan(&l.Project, &l.Number, &l.ID, &l.Actor, &l.Action, &l.Outcome, &l.At, &l.Remote, &l.Request, &details, (*[]byte)(&l.Hash))
	l.Details = jsontext.Value(details)
	return l, err
}

// Export gives every record of the audit to fn, chain by chain, the oldest first.
func Export(tx *store.Tx, fn func(Link) error) error {
	// The order of text differs between databases; that of chains does not matter.
	return store.Each(tx, scanLink, fn, `SELECT `+linkColumns+` FROM audit ORDER BY project, number, occurred_at, id`)
}

// A Head is the last record of a chain. Kept in another place it proves later that
// nothing up to it was changed or taken away since.
type Head struct {
	Project string `json:"project"`
	Number  int64  `json:"number"`
	Hash    Hash   `json:"hash"`
}

// Heads gives the head of every chain, as the database says it.
func Heads(tx *store.Tx) ([]Head, error) {
	return store.Collect(tx, func(row store.Scanner) (h Head, err error) {
		return h, row.Scan(&h.Project, &h.Number, (*[]byte)(&h.Hash))
	}, `SELECT project, number, hash FROM audit_chains ORDER BY project`)
}

// A Break is where a chain is not what Record wrote.
type Break struct {
	Project string `json:"project"`
	Number  int64  `json:"number"`
	ID      string `json:"id,omitempty"`
	Message string `json:"message"`
}

// A Verifier follows chains, record by record in the order of Export, and notes
// where one breaks. Its zero value is ready.
type Verifier struct {
	Records int     // that were looked at
	Older   int     // that are from before there were chains
	Heads   []Head  // the last record of each chain
	Breaks  []Break // where a chain is broken; none proves that it is whole

	kept map[string][]Head // to be met on the way
}

// Expect says that the chains must go through heads that were kept before.
func (v *Verifier) Expect(heads []Head) {
	v.kept = map[string][]Head{}
	for _, h := range heads {
		v.kept[h.Project] = append(v.kept[h.Project], h)
	}
}

// Next follows a chain by one record.
func (v *Verifier) Next(l Link) error {
	v.Records++
	if l.Number == 0 && len(l.Hash) == 0 {
		v.Older++
		return nil
	}
	if len(v.Heads) == 0 || v.Heads[len(v.Heads)-1].Project != l.Project {
		v.Heads = append(v.Heads, Head{Project: l.Project})
	}
	at := &v.Heads[len(v.Heads)-1]
	want, err := l.follow(at.Hash)
	switch {
	case err != nil:
		v.broken(l, "its details are no JSON")
	case l.Number > at.Number+1:
		v.broken(l, fmt.Sprintf("the records %d to %d before it are missing", at.Number+1, l.Number-1))
	case l.Number <= at.Number:
		v.broken(l, "its number is there before")
	case !bytes.Equal(want, l.Hash):
		v.broken(l, "it was changed, or the one before it")
	}
	at.Number, at.Hash = l.Number, l.Hash // so that one break is told once
	for _, h := range v.kept[l.Project] {
		if h.Number == l.Number && !bytes.Equal(h.Hash, l.Hash) {
			v.broken(l, "it is another record than the one that was there when its hash was kept")
		}
	}
	return nil
}

func (v *Verifier) broken(l Link, message string) {
	v.Breaks = append(v.Breaks, Break{Project: l.Project, Number: l.Number, ID: l.ID, Message: message})
}

// End says that there are no more records. Heads are those that the database
// gave, or nil where there is none to ask; what is kept must have been met.
func (v *Verifier) End(heads []Head) {
	last := map[string]Head{}
	for _, h := range v.Heads {
		last[h.Project] = h
	}
	for _, h := range heads {
		if got := last[h.Project]; got.Number != h.Number || !bytes.Equal(got.Hash, h.Hash) {
			v.Breaks = append(v.Breaks, Break{Project: h.Project, Number: h.Number, Message: fmt.Sprintf("the chain ends with the record %d, and not with the one that was written last", got.Number)})
		}
	}
	for _, list := range v.kept {
		for _, h := range list {
			if got := last[h.Project].Number; got < h.Number {
				v.Breaks = append(v.Breaks, Break{Project: h.Project, Number: h.Number, Message: fmt.Sprintf("the chain ends with the record %d, and went further when its hash was kept", got)})
			}
		}
	}
}

// Verify follows every chain of the database.
func Verify(tx *store.Tx, kept []Head) (*Verifier, error) {
	v := &Verifier{}
	v.Expect(kept)
	if err := Export(tx, v.Next); err != nil {
		return nil, fmt.Errorf("verify audit: %w", err)
	}
	heads, err := Heads(tx)
	if err != nil {
		return nil, fmt.Errorf("verify audit: %w", err)
	}
	v.End(heads)
	return v, nil
}
