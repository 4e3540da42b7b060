package audit_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/internal/audit"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

// A moment is when a record of one of the three kinds was written: of the chain, an act
// or a login.
type moment struct{ kind, at int }

// Whatever the clock said while records were written, the pages of a search have each of
// them once, in the order of time, and so have windows of time side by side.
func TestPagesHaveEachRecordOnce(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		p := signin.New(t, db, project.New{Name: "Lantern"})
		ada := p.User(t, user.User{LoginIDs: []string{"ada"}})
		first := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
		const span = 4000 // milliseconds
		rapid.Check(t, func(r *rapid.T) {
			drawn := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) moment {
				return moment{rapid.IntRange(0, 2).Draw(r, "kind"), rapid.SampledFrom([]int{0, 1, 999, 1000, 1001, 2000, 2001, span}).Draw(r, "at")}
			}), 0, 14).Draw(r, "moments")
			want := write(t, db, p.ID, ada.ID, first, drawn)
			find := func(s audit.Search) (ids []string) {
				s.Project, s.People = p.ID, true
				if s.From.IsZero() {
					s.From = first
				}
				if s.To.IsZero() {
					s.To = first.Add(span * time.Millisecond)
				}
				events, _, err := audit.Find(t.Context(), db, s, session.Logins())
				if err != nil {
					r.Fatal(err)
				}
				if !slices.IsSortedFunc(events, func(a, b audit.Event) int {
					if s.OldestFirst {
						return a.OccurredAt.Compare(b.OccurredAt)
					}
					return b.OccurredAt.Compare(a.OccurredAt)
				}) {
					r.Errorf("not in the order of time: %v", events)
				}
				for _, e := range events {
					ids = append(ids, e.ID)
				}
				return ids
			}
			same := func(what string, got []string) {
				got = slices.Clone(got)
				if slices.Sort(got); !slices.Equal(got, want) {
					r.Errorf("%s have %v, want %v", what, got, want)
				}
			}
			size := rapid.IntRange(1, 6).Draw(r, "size")
			for _, oldest := range []bool{false, true} {
				whole := find(audit.Search{OldestFirst: oldest})
				same("all", whole)
				var pages []string
				for offset := 0; offset <= len(want); offset += size {
					pages = append(pages, find(audit.Search{OldestFirst: oldest, Limit: size, Offset: offset})...)
				}
				if !slices.Equal(pages, whole) {
					r.Errorf("pages of %d have %v, in one they are %v", size, pages, whole)
				}
			}
			cut := first.Add(time.Duration(rapid.IntRange(0, span-1).Draw(r, "cut")) * time.Millisecond)
			same("two windows", append(find(audit.Search{To: cut}), find(audit.Search{From: cut.Add(time.Millisecond)})...))
		})
	})
}

// write makes the project have these records in the time of the test, and no others. The
// ids are returned in the order of text.
func write(t *testing.T, db *store.DB, project, user string, first time.Time, drawn []moment) (ids []string) {
	t.Helper()
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		ids = nil
		for _, statement := range []string{
			`DELETE FROM audit WHERE project = $1 AND number > 100`, `DELETE FROM acts WHERE project = $1`, `DELETE FROM logins WHERE project = $1`,
		} {
			if _, err := tx.Exec(statement, project); err != nil {
				return err
			}
		}
		for i, m := range drawn {
			at, id := first.Add(time.Duration(m.at)*time.Millisecond), fmt.Sprintf("%c%02d", "BAL"[m.kind], i)
			var err error
			switch m.kind {
			case 0:
				_, err = tx.Exec(`INSERT INTO audit (project, number, id, actor, action, outcome, occurred_at, remote, request, details, hash) VALUES ($1, $2, $3, 'K', 'x', 'done', $4, '', '', '{}', $5)`,
					project, 101+i, id, at.UnixMilli(), []byte{})
			case 1:
				_, err = tx.Exec(`INSERT INTO acts (project, id, user_id, action, outcome, acted_at, method, tenant, reason, remote, agent, request) VALUES ($1, $2, $3, 'x', 'done', $4, '', '', '', '', '', '')`,
					project, id, user, at.UnixMilli())
			default:
				_, err = tx.Exec(`INSERT INTO logins (project, id, user_id, login_at, method) VALUES ($1, $2, $3, $4, '')`, project, id, user, at.Unix())
			}
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}
