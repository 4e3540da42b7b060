package mgmtkey

import (
	"crypto/sha256"
	"fmt"

	"postern/internal/store"
)

// Inspect looks at every key and reports those that cannot be read. It returns
// how many there are.
func Inspect(tx *store.Tx, found func(id, message string)) (int, error) {
	type row struct {
		id   string
		hash []byte
	}
	all, err := store.Collect(tx, func(r store.Scanner) (k row, err error) {
		return k, r.Scan(&k.id, &k.hash)
	}, `SELECT id, hash FROM management_keys`)
	if err != nil {
		return 0, fmt.Errorf("inspect management keys: %w", err)
	}
	for _, k := range all {
		if _, err := get(tx, k.id); err != nil {
			found(k.id, err.Error())
		} else if len(k.hash) != sha256.Size {
			found(k.id, "its digest is damaged")
		}
	}
	return len(all), nil
}
