package user

import "postern/internal/store"

// TenantNames returns the names of tenants by their ids; one that there is not is
// left out.
func TenantNames(tx *store.Tx, project string, ids []string) (map[string]string, error) {
	out, args := map[string]string{}, []any{project}
	if len(ids) == 0 {
		return out, nil
	}
	return out, store.Each(tx, func(row store.Scanner) (r [2]string, err error) { return r, row.Scan(&r[0], &r[1]) },
		func(r [2]string) error { out[r[0]] = r[1]; return nil },
		`SELECT id, name FROM tenants WHERE project = $1 AND id IN `+among(&args, ids), args...)
}
