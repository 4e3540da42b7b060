package accesskey

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/ident"
	"postern/internal/store"
	"postern/internal/user"
)

const columns = `project, id, name, description, status, bound_user, custom_claims, custom, permitted_ips, created_by, created_at, expires_at`

func scan(row store.Scanner) (*Key, error) {
	k := &Key{}
	var bound sql.NullString
	var claims, custom, addresses string
	var created, expires int64
	err := row.Scan(&k.Project, &k.ID, &k.Name, &k.Description, &k.Status, &bound, &claims, &custom, &addresses, &k.CreatedBy, &created, &expires)
	if err != nil {
		return nil, err
	}
	k.BoundUser, k.CreatedAt = bound.String, time.Unix(created, 0).UTC()
	if expires != 0 {
		k.ExpiresAt = time.Unix(expires, 0).UTC()
	}
	err = errors.Join(json.Unmarshal([]byte(claims), &k.Claims), json.Unmarshal([]byte(custom), &k.Custom), json.Unmarshal([]byte(addresses), &k.PermittedIPs))
	if err != nil {
		return nil, fmt.Errorf("read access key %s: %w", k.ID, err)
	}
	return k, nil
}

// load returns a key by id.
func load(tx *store.Tx, project, id string) (*Key, error) {
	if !ident.Valid(prefix, id) {
		return nil, ErrNotFound // PostgreSQL refuses to look for what is no text
	}
	return one(tx, `SELECT `+columns+` FROM access_keys WHERE project = $1 AND id = $2`, project, id)
}

// byHash returns the key whose cleartext has a hash.
func byHash(tx *store.Tx, project string, hash []byte) (*Key, error) {
	return one(tx, `SELECT `+columns+` FROM access_keys WHERE project = $1 AND hash = $2`, project, hash)
}

func one(tx *store.Tx, query string, args ...any) (*Key, error) {
	k, err := scan(tx.QueryRow(query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return k, fill(tx, []*Key{k}, ` AND key_id = $2`, k.ID)
}

// all returns the keys of a project, the oldest first; where tenants are named, those
// that are in one of them.
func all(tx *store.Tx, project string, tenants []string) ([]*Key, error) {
	args := []any{project}
	in := func(string) string { return `` }
	if len(tenants) > 0 {
		found := ` IN (SELECT key_id FROM access_key_tenants WHERE project = $1 AND tenant IN ` + store.Among(&args, tenants) + `)`
		in = func(column string) string { return ` AND ` + column + found }
	}
	list, err := store.Collect(tx, scan, `SELECT `+columns+` FROM access_keys WHERE project = $1`+in("id"), args...)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	slices.SortFunc(list, func(a, b *Key) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return list, fill(tx, list, in("key_id"), args[1:]...)
}

// fill reads the tenants and the roles of keys of one project; the condition says
// of which.
func fill(tx *store.Tx, list []*Key, of string, args ...any) error {
	byID := map[string]*Key{}
	for _, k := range list {
		byID[k.ID] = k
	}
	args = append([]any{list[0].Project}, args...)
	two := func(row store.Scanner) (r [3]string, err error) { return r, row.Scan(&r[0], &r[1]) }
	err := store.Each(tx, two, func(r [3]string) error {
		if k := byID[r[0]]; k != nil {
			k.Tenants = append(k.Tenants, user.Membership{Tenant: r[1]})
		}
		return nil
	}, `SELECT key_id, tenant FROM access_key_tenants WHERE project = $1`+of, args...)
	if err != nil {
		return err
	}
	three := func(row store.Scanner) (r [3]string, err error) { return r, row.Scan(&r[0], &r[1], &r[2]) }
	err = store.Each(tx, three, func(r [3]string) error {
		if k := byID[r[0]]; k != nil {
			k.grant(r[1], r[2])
		}
		return nil
	}, `SELECT key_id, tenant, role FROM access_key_roles WHERE project = $1`+of, args...)
	for _, k := range list {
		slices.Sort(k.Roles)
		slices.SortFunc(k.Tenants, func(a, b user.Membership) int { return cmp.Compare(a.Tenant, b.Tenant) })
		for i := range k.Tenants {
			slices.Sort(k.Tenants[i].Roles)
		}
	}
	return err
}

func (k *Key) grant(tenant, role string) {
	if tenant == "" {
		k.Roles = append(k.Roles, role)
		return
	}
	for i := range k.Tenants {
		if k.Tenants[i].Tenant == tenant {
			k.Tenants[i].Roles = append(k.Tenants[i].Roles, role)
		}
	}
}

// insert stores a new key with the hash of its cleartext.
func (k *Key) insert(tx *store.Tx, hash []byte) error {
	v, err := k.values()
	if err != nil {
		return err
	}
	res, err := tx.Exec(`INSERT INTO access_keys (`+columns+`, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING`,
		append(v, hash)...)
	if err != nil {
		return fmt.Errorf("create access key: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrExists, err)
	}
	return k.writeGrants(tx)
}

// save stores what a key is now.
func (k *Key) save(tx *store.Tx) error {
	v, err := k.values()
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE access_keys SET name = $3, description = $4, status = $5, bound_user = $6, custom_claims = $7, custom = $8, permitted_ips = $9
		WHERE project = $1 AND id = $2`, v[:9]...)
	if err != nil {
		return fmt.Errorf("save access key: %w", err)
	}
	for _, table := range []string{"access_key_roles", "access_key_tenants"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE project = $1 AND key_id = $2`, k.Project, k.ID); err != nil {
			return err
		}
	}
	return k.writeGrants(tx)
}

func (k *Key) values() ([]any, error) {
	claims, err1 := json.Marshal(k.Claims, json.Deterministic(true))
	custom, err2 := json.Marshal(k.Custom, json.Deterministic(true))
	addresses, err3 := json.Marshal(k.PermittedIPs)
	expires := int64(0)
	if !k.ExpiresAt.IsZero() {
		expires = k.ExpiresAt.Unix()
	}
	return []any{
		k.Project, k.ID, k.Name, k.Description, k.Status,
		sql.NullString{String: k.BoundUser, Valid: k.BoundUser != ""},
		string(claims), string(custom),
		string(addresses), k.CreatedBy, k.CreatedAt.Unix(), expires,
	}, errors.Join(err1, err2, err3)
}

// writeGrants stores tenants and roles.
func (k *Key) writeGrants(tx *store.Tx) error {
	role := func(tenant, id string) error {
		_, err := tx.Exec(`INSERT INTO access_key_roles (project, key_id, tenant, role) VALUES ($1, $2, $3, $4)`, k.Project, k.ID, tenant, id)
		return err
	}
	for _, m := range k.Tenants {
		if _, err := tx.Exec(`INSERT INTO access_key_tenants (project, key_id, tenant) VALUES ($1, $2, $3)`, k.Project, k.ID, m.Tenant); err != nil {
			return err
		}
		for _, id := range m.Roles {
			if err := role(m.Tenant, id); err != nil {
				return err
			}
		}
	}
	for _, id := range k.Roles {
		if err := role("", id); err != nil {
			return err
		}
	}
	return nil
}

// LeaveTenant takes a tenant that is deleted from the keys that act in it, as part
// of tx. With cascade it deletes those that act in no other.
func LeaveTenant(tx *store.Tx, project, tenant string, cascade bool) error {
	if cascade {
		_, err := tx.Exec(`DELETE FROM access_keys WHERE project = $1 AND id IN (SELECT key_id FROM access_key_tenants WHERE project = $1 AND tenant = $2)
			AND id NOT IN (SELECT key_id FROM access_key_tenants WHERE project = $1 AND tenant <> $2)`, project, tenant)
		if err != nil {
			return fmt.Errorf("delete keys of tenant: %w", err)
		}
	}
	for _, table := range []string{"access_key_roles", "access_key_tenants"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE project = $1 AND tenant = $2`, project, tenant); err != nil {
			return err
		}
	}
	return nil
}

// DropRoles takes roles that are deleted from all keys, as part of tx.
func DropRoles(tx *store.Tx, project string, roles []string) error {
	for _, role := range roles {
		if _, err := tx.Exec(`DELETE FROM access_key_roles WHERE project = $1 AND role = $2`, project, role); err != nil {
			return fmt.Errorf("drop role: %w", err)
		}
	}
	return nil
}
