package connector

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/store"
	"postern/internal/testkit"
)

func TestOutbox(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, "")
		other := f.project(t, "")
		for _, m := range []message.Message{anEmail(), aText()} {
			if err := f.Send(t.Context(), f.cfg, "", m); err != nil {
				t.Fatal(err)
			}
		}
		list, err := f.Outbox(t.Context(), f.cfg, "", outboxSize)
		if err != nil || len(list) != 2 {
			t.Fatalf("%d messages, %v", len(list), err)
		}
		want := []message.Message{aText(), anEmail()}
		for i, k := range list {
			want[i].Code = "" // it stands in the text
			if diff := cmp.Diff(want[i], k.Message); diff != "" || time.Since(k.At) > time.Minute {
				t.Errorf("message %d at %s (-want +got):\n%s", i, k.At, diff)
			}
			got, err := f.OutboxMessage(t.Context(), f.cfg, k.ID)
			if err != nil || cmp.Diff(k, got) != "" {
				t.Errorf("message %s by itself: %v\n%s", k.ID, err, cmp.Diff(k, got))
			}
			if _, err := f.OutboxMessage(t.Context(), other, k.ID); !errors.Is(err, ErrNoMessage) {
				t.Errorf("another project reads message %s: %v", k.ID, err)
			}
		}
		if list, err := f.Outbox(t.Context(), f.cfg, "+12025550143", outboxSize); err != nil || len(list) != 1 || list[0].Kind != message.SMS {
			t.Errorf("the messages to a number: %v %v", list, err)
		}
		if list, err := f.Outbox(t.Context(), other, "", outboxSize); err != nil || len(list) != 0 {
			t.Errorf("another project has %v, %v", list, err)
		}
		if list, err := f.Outbox(t.Context(), f.cfg, "", 1); err != nil || len(list) != 1 || list[0].Kind != message.SMS {
			t.Errorf("the newest message: %v %v", list, err)
		}
		if bad := anEmail(); true {
			bad.Subject = "a\nb"
			if err := f.Send(t.Context(), f.cfg, "", bad); !errors.Is(err, message.ErrInvalid) {
				t.Errorf("a subject of two lines: %v", err)
			}
		}
	})
}

// In production nothing is kept that nobody gets, and what was kept before is not
// shown.
func TestOutboxIsNotForProduction(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, "production")
		if err := f.Send(t.Context(), f.cfg, "", anEmail()); !errors.Is(err, ErrProduction) || fault.From(err).Hint == "" {
			t.Errorf("Send = %v, want %v with a hint", err, ErrProduction)
		}
		for name, err := range map[string]error{
			"Outbox": func() error {
				_, err := f.Outbox(t.Context(), f.cfg, "", outboxSize)
				return err
			}(),
			"OutboxMessage": func() error {
				_, err := f.OutboxMessage(t.Context(), f.cfg, "MO1")
				return err
			}(),
		} {
			if !errors.Is(err, ErrHidden) {
				t.Errorf("%s = %v, want %v", name, err, ErrHidden)
			}
		}
		if n := count(t, f, f.cfg.Project); n != 0 {
			t.Errorf("%d messages were kept", n)
		}
	})
}

func count(t *testing.T, f *fixture, id string) (n int) {
	t.Helper()
	err := f.DB.One(t.Context(), func(row store.Scanner) error { return row.Scan(&n) }, `SELECT COUNT(*) FROM outbox WHERE project = $1`, id)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// An outbox keeps the newest messages of a week, and others' do not count.
func TestOutboxIsBounded(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, "")
		other := f.project(t, "")
		fill := func(id string, n int, from time.Time) {
			t.Helper()
			err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				for i := range n {
					_, err := tx.Exec(`INSERT INTO outbox (project, id, kind, recipient, created_at) VALUES ($1, $2, 'email', 'a@a.example', $3)`,
						id, fmt.Sprintf("%d-%d", from.Unix(), i), from.Add(time.Duration(i)*time.Second).UnixMicro())
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		now := time.Now()
		fill(f.cfg.Project, 10, now.Add(-8*24*time.Hour))
		fill(other.Project, 3, now.Add(-time.Hour))
		if list, err := f.Outbox(t.Context(), f.cfg, "", outboxSize); err != nil || len(list) != 0 {
			t.Errorf("messages of last week are shown: %d, %v", len(list), err)
		}
		fill(f.cfg.Project, 700, now.Add(-time.Hour))
		for range pruneEvery {
			if err := f.Send(t.Context(), f.cfg, "", anEmail()); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, f, f.cfg.Project); n != outboxSize {
			t.Errorf("%d messages are left, want %d", n, outboxSize)
		}
		list, err := f.Outbox(t.Context(), f.cfg, "ada@people.example", outboxSize)
		if err != nil || len(list) != pruneEvery {
			t.Errorf("%d of the newest are left, want %d: %v", len(list), pruneEvery, err)
		}
		if n := count(t, f, other.Project); n != 3 {
			t.Errorf("another project has %d left, want 3", n)
		}
	})
}

// The messages of a project go with it.
func TestOutboxGoesWithTheProject(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, "")
		if err := f.Send(t.Context(), f.cfg, "", anEmail()); err != nil {
			t.Fatal(err)
		}
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`DELETE FROM projects WHERE id = $1`, f.cfg.Project)
			return err
		})
		if n := count(t, f, f.cfg.Project); err != nil || n != 0 {
			t.Errorf("%d messages are left: %v", n, err)
		}
	})
}
