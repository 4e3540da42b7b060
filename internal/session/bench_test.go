package session

import (
	"context"
	"sync"
	"testing"

	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
)

// BenchmarkRefresh refreshes sessions from sixteen clients, each its own, beside a
// floor: the same signatures, one read and one durable write.
func BenchmarkRefresh(b *testing.B) {
	const clients = 16
	db := testkit.Store(b)
	f := setup(b, db)
	f.settings(b, rotating)
	config := f.config(b)
	tokens := make([]secret.Text, clients)
	for i := range tokens {
		tokens[i] = f.signIn(b).Refresh
	}
	spread := func(b *testing.B, work func(client int) error) {
		b.Helper()
		b.ReportAllocs()
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				for range b.N/clients + 1 {
					if err := work(i); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "/s")
	}
	b.Run("rotating", func(b *testing.B) {
		spread(b, func(i int) error {
			out, err := f.Refresh(b.Context(), config, tokens[i], Client{})
			if err == nil {
				tokens[i] = out.Refresh
			}
			return err
		})
	})
	b.Run("floor", func(b *testing.B) {
		ids := make([]string, clients)
		for i := range ids {
			cur, err := f.Current(b.Context(), config, tokens[i], Client{})
			if err != nil {
				b.Fatal(err)
			}
			ids[i] = cur.Session.ID
		}
		ring, err := f.Keys.Ring(b.Context(), f.project)
		if err != nil {
			b.Fatal(err)
		}
		payload := []byte(`{"sub":"U0123456789012345678901234567","exp":1700000000,"sid":"SE0123456789012345678901234567"}`)
		spread(b, func(i int) error {
			if _, _, err := f.Keys.Verify(b.Context(), f.project, tokens[i].Reveal()); err != nil {
				return err
			}
			for range 2 {
				if _, err := ring.Sign(payload); err != nil {
					return err
				}
			}
			var n int
			if err := db.One(b.Context(), func(row store.Scanner) error { return row.Scan(&n) }, `SELECT generation FROM sessions WHERE project = $1 AND id = $2`, f.project, ids[i]); err != nil {
				return err
			}
			return db.Write(b.Context(), func(_ context.Context, tx *store.Tx) error {
				_, err := tx.Exec(`UPDATE sessions SET refreshed_at = refreshed_at + 1 WHERE project = $1 AND id = $2`, f.project, ids[i])
				return err
			})
		})
	})
	b.Run("still", func(b *testing.B) {
		f.settings(b, `{"rotateJwt":false}`)
		config := f.config(b)
		spread(b, func(i int) error {
			_, err := f.Refresh(b.Context(), config, tokens[i], Client{})
			return err
		})
	})
	b.Run("validate", func(b *testing.B) {
		out, err := f.Refresh(b.Context(), f.config(b), tokens[0], Client{})
		if err != nil {
			b.Fatal(err)
		}
		spread(b, func(int) error {
			_, err := f.Validate(b.Context(), config, out.Session)
			return err
		})
	})
}
