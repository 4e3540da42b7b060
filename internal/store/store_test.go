package store_test

import (
	"testing"

	"postern/internal/store"
	"postern/internal/testkit"
)

func TestSmoke(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
