package mgmtkey

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/ident"
	"postern/internal/store"
)

const columns = `id, name, description, status, access, permitted_ips, created_at, expires_at, last_used_at, version`

// grant is a Grant as the column access holds it.
type grant struct {
	Projects []string `json:"projects,omitempty"`
	Role     string   `json:"role"`
}

func access(grants []Grant) []grant {
	out := make([]grant, len(grants))
	for i, g := range grants {
		out[i] = grant{Projects: g.Projects, Role: g.Role.String()}
	}
	return out
}

func insert(tx *store.Tx, k Key, hash []byte) error {
	grants, addresses, err := documents(k)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`
		INSERT INTO management_keys (`+columns+`, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		k.ID, k.Name, k.Description, k.Status, grants, addresses,
		seconds(k.CreatedAt), seconds(k.ExpiresAt), seconds(k.LastUsedAt), k.Version, hash)
	return err
}

// update writes what may change.
func update(tx *store.Tx, k Key) error {
	_, addresses, err := documents(k)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`
		UPDATE management_keys SET name = $1, description = $2, status = $3, permitted_ips = $4, version = $5
		WHERE id = $6`,
		k.Name, k.Description, k.Status, addresses, k.Version, k.ID)
	return err
}

func get(tx *store.Tx, id string) (Key, error) {
	if !ident.Valid(prefix, id) {
		return Key{}, ErrNotFound // PostgreSQL refuses to look for what is no text
	}
	k, err := scan(tx.QueryRow(`SELECT `+columns+` FROM management_keys WHERE id = $1`, id))
	return k, noRows(err)
}

// getWithHash reads a key and its hash in one statement: every request does so.
func getWithHash(ctx context.Context, db *store.DB, id string) (k Key, hash []byte, err error) {
	err = db.One(ctx, func(row store.Scanner) (err error) {
		k, err = scanMore(row, &hash)
		return err
	}, `SELECT `+columns+`, hash FROM management_keys WHERE id = $1`, id)
	return k, hash, noRows(err)
}

func scan(row store.Scanner) (Key, error) { return scanMore(row) }

// scanMore reads a key and the columns behind it.
func scanMore(row store.Scanner, more ...any) (Key, error) {
	var k Key
	var grants, addresses string
	var created, expires, used int64
	err := row.Scan(append([]any{&k.ID, &k.Name, &k.Description, &k.Status, &grants, &addresses, &created, &expires, &used, &k.Version}, more...)...)
	if err != nil {
		return Key{}, err
	}
	k.CreatedAt, k.ExpiresAt, k.LastUsedAt = moment(created), moment(expires), moment(used)
	if k.PermittedIPs, err = readAddresses(addresses); err != nil {
		return Key{}, fmt.Errorf("permitted addresses of %s: %w", k.ID, err)
	}
	if k.Grants, err = readGrants(grants); err != nil {
		return Key{}, fmt.Errorf("access of %s: %w", k.ID, err)
	}
	return k, nil
}

// documents returns the JSON of the two columns that hold some.
func documents(k Key) (grants, addresses string, err error) {
	g, err := json.Marshal(access(k.Grants))
	if err != nil {
		return "", "", err
	}
	a, err := json.Marshal(k.PermittedIPs)
	return string(g), string(a), err
}

// readGrants is strict: what a newer server wrote and this one does not
// understand might have been a restriction.
func readGrants(doc string) ([]Grant, error) {
	var raw []grant
	if err := json.Unmarshal([]byte(doc), &raw, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	var grants []Grant
	for _, g := range raw {
		role, err := ParseRole(g.Role)
		if err != nil {
			return nil, err
		}
		grants = append(grants, Grant{Projects: g.Projects, Role: role})
	}
	return grants, nil
}

func readAddresses(doc string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	if err := json.Unmarshal([]byte(doc), &prefixes); err != nil {
		return nil, err
	}
	if len(prefixes) == 0 {
		return nil, nil
	}
	return prefixes, nil
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func moment(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
