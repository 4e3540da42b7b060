package store

import (
	"context"
	"slices"
)

// pruned bounds the rows that one transaction of Prune deletes: others wait for it.
const pruned = 1000

// Prune deletes what means nothing any more, and returns how many rows it were. The
// statement deletes no more rows than its last parameter says; it is run, each time
// in a transaction of its own, until it finds fewer. Several processes may do so at
// once.
func (d *DB) Prune(ctx context.Context, statement string, args ...any) (int, error) {
	all := 0
	for {
		n := int64(0)
		err := d.WriteCommitted(ctx, func(_ context.Context, tx *Tx) error {
			res, err := tx.Exec(statement, append(slices.Clip(args), pruned)...)
			if err != nil {
				return err
			}
			n, err = res.RowsAffected()
			return err
		})
		if err != nil {
			return all, err
		}
		if all += int(n); n < pruned {
			return all, nil
		}
	}
}
