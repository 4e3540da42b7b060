package key

import (
	"fmt"

	"postern/internal/store"
)

// Inspect looks at the keys of all projects and reports those that cannot be read
// or have no private half. Whether that half opens is looked at where it is kept.
func Inspect(tx *store.Tx, found func(project, kid, message string)) error {
	type row struct {
		name
		public   string
		privates int
	}
	all, err := store.Collect(tx, func(s store.Scanner) (r row, err error) {
		return r, s.Scan(&r.project, &r.kid, &r.public, &r.privates)
	}, `SELECT k.project, k.kid, k.public, (SELECT COUNT(*) FROM kept_secrets s
		WHERE s.project = k.project AND s.kind = $1 AND s.entity = k.kid AND s.field = $2) FROM signing_keys k`, kind, field)
	if err != nil {
		return fmt.Errorf("inspect signing keys: %w", err)
	}
	for _, r := range all {
		var e entry
		if err := e.public.UnmarshalJSON([]byte(r.public)); err != nil || e.public.KeyID != r.kid {
			found(r.project, r.kid, "its public half cannot be read, or is that of another key")
		}
		if r.privates == 0 {
			found(r.project, r.kid, "its private half is missing")
		}
	}
	return nil
}
