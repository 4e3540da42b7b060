package user

import (
	"context"
	"fmt"
	"testing"

	"postern/internal/store"
	"postern/internal/testkit"
)

// A search says how many there are in all, whichever part of them is asked for.
func TestSearchSaysHowManyThereAre(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			if _, err := tx.Exec(`INSERT INTO projects (id, name, created_at) VALUES ('P1', 'P1', 1)`); err != nil {
				return err
			}
			for i := range 5 {
				if err := Create(tx, &User{Project: "P1", ID: fmt.Sprint("U", i), LoginIDs: []string{fmt.Sprint("person", i)}}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name                string
			q                   Search
			wantPage, wantInAll int
		}{
			{"more than a page", Search{Limit: 2}, 2, 5},
			{"in the middle", Search{Limit: 2, Offset: 2}, 2, 5},
			{"the last page", Search{Limit: 2, Offset: 4}, 1, 5},
			{"just a page", Search{Limit: 5}, 5, 5},
			{"less than a page", Search{Limit: 6}, 5, 5},
			{"the rest is less than a page", Search{Offset: 3}, 2, 5},
			{"beyond the last", Search{Limit: 2, Offset: 5}, 0, 5},
			{"far beyond", Search{Offset: 50}, 0, 5},
			{"one", Search{LoginIDs: []string{"person3"}}, 1, 1},
			{"beyond the one", Search{LoginIDs: []string{"person3"}, Offset: 1}, 0, 1},
			{"some who are named", Search{LoginIDs: []string{"person3", "person1", "nobody"}}, 2, 2},
			{"the rest of who are named", Search{IDs: []string{"U1", "U2", "U3"}, Limit: 4, Offset: 1}, 2, 3},
			{"as many as a page has room for", Search{IDs: []string{"U1", "U2"}, Limit: 2}, 2, 2},
			{"more than that", Search{IDs: []string{"U1", "U2", "U3"}, Limit: 2}, 2, 3},
			{"none", Search{LoginIDs: []string{"nobody"}}, 0, 0},
			{"beyond none", Search{LoginIDs: []string{"nobody"}, Offset: 1}, 0, 0},
		} {
			page, total, err := (&Service{DB: db}).Search(t.Context(), "P1", tt.q)
			if err != nil || len(page) != tt.wantPage || total != tt.wantInAll {
				t.Errorf("%s: %d of %d, %v, want %d of %d", tt.name, len(page), total, err, tt.wantPage, tt.wantInAll)
			}
		}
	})
}
