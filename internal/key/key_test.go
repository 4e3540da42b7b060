package key

import (
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
)

// cluster makes some nodes on one database, and a project.
func cluster(t *testing.T, db *store.DB, size int) (nodes []*Service, id string) {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	for range size {
		projects := &project.Service{DB: db, Master: master, Log: slog.New(slog.DiscardHandler)}
		nodes = append(nodes, &Service{DB: db, Projects: projects})
	}
	p, err := nodes[0].Projects.Create(t.Context(), audit.Origin{Actor: "test"}, project.New{Name: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	return nodes, p.ID
}

// Nodes that need the first key at the same time end with one, and each verifies
// what another one signed.
func TestFirstKeyIsOne(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		nodes, id := cluster(t, db, 8)
		tokens := make([]string, len(nodes))
		var all sync.WaitGroup
		for i, node := range nodes {
			all.Go(func() {
				ring, err := node.Ring(t.Context(), id)
				if err != nil {
					t.Error(err)
					return
				}
				if tokens[i], err = ring.Sign([]byte(`{"n":1}`)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := len(testkit.Rows(t, db)["signing_keys"]); n != 1 {
			t.Fatalf("there are %d keys", n)
		}
		for i, node := range nodes {
			if _, _, err := node.Verify(t.Context(), id, tokens[(i+1)%len(nodes)]); err != nil {
				t.Error(err)
			}
		}
	})
}

// Whoever reads the keys of a project makes none, nor does a token of nobody's; a
// project that is made with its key has one before.
func TestReadersMakeNoKey(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		nodes, id := cluster(t, db, 2)
		ring, err := nodes[0].Ring(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		token, err := ring.Sign([]byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		without, err := nodes[0].Projects.Create(t.Context(), audit.Origin{Actor: "test"}, project.New{Name: "Without"})
		if err != nil {
			t.Fatal(err)
		}
		before := testkit.Rows(t, db)
		if ring, err = nodes[0].Look(t.Context(), without.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Signing(); !errors.Is(err, ErrNone) || len(ring.Public()) != 0 {
			t.Errorf("a project without a key has %v: %v", ring.Public(), err)
		}
		if _, _, err := nodes[0].Verify(t.Context(), without.ID, token); !errors.Is(err, ErrToken) {
			t.Errorf("its tokens: %v", err)
		}
		if diff := cmp.Diff(before, testkit.Rows(t, db)); diff != "" {
			t.Errorf("reading changed the database (-before +after):\n%s", diff)
		}
		// The node that found none signs at once when it is to, whoever makes the key.
		for _, node := range []*Service{nodes[1], nodes[0]} {
			if ring, err = node.Ring(t.Context(), without.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := ring.Sign([]byte(`{}`)); err != nil {
				t.Error(err)
			}
		}

		nodes[0].Projects.Made = append(nodes[0].Projects.Made, nodes[0].Made)
		with, err := nodes[0].Projects.Create(t.Context(), audit.Origin{Actor: "test"}, project.New{Name: "With"})
		if err != nil {
			t.Fatal(err)
		}
		if ring, err = nodes[1].Look(t.Context(), with.ID); err != nil || len(ring.Public()) != 1 {
			t.Errorf("a project that is made with its key: %v", err)
		}
	})
}

// The private half is sealed: nothing in the database opens without the master key.
func TestPrivateHalfIsSealed(t *testing.T) {
	t.Parallel()
	nodes, id := cluster(t, testkit.Store(t), 1)
	if _, err := nodes[0].Ring(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	other, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	thief := &Service{DB: nodes[0].DB, Projects: &project.Service{DB: nodes[0].DB, Master: other, Log: slog.New(slog.DiscardHandler)}}
	if _, err := thief.Ring(t.Context(), id); err == nil {
		t.Error("the key opens with another master key")
	}
}

// A key of one project verifies nothing of another one.
func TestKeysAreOfOneProject(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		nodes, id := cluster(t, db, 1)
		foreign, err := nodes[0].Projects.Create(t.Context(), audit.Origin{Actor: "test"}, project.New{Name: "Other"})
		if err != nil {
			t.Fatal(err)
		}
		ring, err := nodes[0].Ring(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		token, err := ring.Sign([]byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := nodes[0].Verify(t.Context(), id, token); err != nil {
			t.Error(err)
		}
		if _, _, err := nodes[0].Verify(t.Context(), foreign.ID, token); !errors.Is(err, ErrToken) {
			t.Errorf("in another project: %v", err)
		}
	})
}
