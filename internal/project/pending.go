package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/store"
)

// A Pending is the head of a project that goes back to an older revision by
// itself unless somebody confirms it in time.
type Pending struct {
	Revision   int64
	GoesBackTo int64
	At         time.Time
	// Failure says why it could not go back when it was time. Then it stays, until
	// it is confirmed or undone by somebody.
	Failure string
}

// What callers are told of confirmations.
var (
	ErrPending    = fault.New(fault.Conflict, "P40903", "a revision waits to be confirmed; nothing was applied")
	ErrNotPending = fault.New(fault.Conflict, "P40904", "the revision does not wait to be confirmed: it was confirmed, or has gone back")
	ErrFirst      = fault.New(fault.Invalid, "E011003", "Request is invalid: the first revision of a project cannot wait to be confirmed, because there is none to go back to")
)

// allows refuses an import into a project whose head waits to be confirmed, and
// one that would have to wait and has nothing to go back to. The head that was
// read decides for the transaction of the commit too: a head begins to wait when
// it is made, and the commit moves the head only from the one that was read. What
// is only looked at may be looked at while another revision waits.
func (st *state) allows(in Import) error {
	if in.Upload.Within != "" && st.revision.Number == 0 {
		return ErrFirst
	}
	if in.dry {
		return nil
	}
	if p := st.pending; p != nil && (in.undoes == nil || in.undoes.Revision != p.Revision) {
		return ErrPending.WithMessage(fmt.Sprintf("%s; nothing was applied. First confirm it or undo it: postern project confirm %d, with --undo to undo it", p, p.Revision))
	}
	return nil
}

// String says what waits, as the beginning of a sentence.
func (p *Pending) String() string {
	what := fmt.Sprintf("goes back to revision %d at %s", p.GoesBackTo, p.At.UTC().Format(time.RFC3339))
	if p.Failure != "" {
		what = fmt.Sprintf("could not go back to revision %d", p.GoesBackTo)
	}
	return fmt.Sprintf("revision %d waits to be confirmed and %s", p.Revision, what)
}

// pending is what an import that must be confirmed leaves with its revision.
func (in Import) pending(rev Revision) *Pending {
	within, err := in.within()
	if err != nil || within == 0 {
		return nil // checkWords has looked at it
	}
	return &Pending{Revision: rev.Number, GoesBackTo: rev.Parent, At: rev.CreatedAt.Add(within).Truncate(time.Second)}
}

func (p *Pending) insert(tx *store.Tx, id string) error {
	if p == nil {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO confirmations (project, revision, goes_back_to, deadline) VALUES ($1, $2, $3, $4)`, id, p.Revision, p.GoesBackTo, p.At.Unix())
	return err
}

const pendingColumns = `revision, goes_back_to, deadline, failure`

func (p *Pending) scan(row store.Scanner, before ...any) error {
	var at int64
	err := row.Scan(append(before, &p.Revision, &p.GoesBackTo, &at, &p.Failure)...)
	p.At = time.Unix(at, 0)
	return err
}

func readPending(tx *store.Tx, id string) (*Pending, error) {
	p := &Pending{}
	err := p.scan(tx.QueryRow(`SELECT `+pendingColumns+` FROM confirmations WHERE project = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return p, err
}

// Waiting returns the projects whose heads wait to be confirmed.
func (s *Service) Waiting(ctx context.Context) (map[string]Pending, error) {
	out := map[string]Pending{}
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		return store.Each(tx, func(row store.Scanner) (w waiting, err error) { return w, w.scan(row, &w.project) },
			func(w waiting) error { out[w.project] = w.Pending; return nil },
			`SELECT c.project, c.revision, c.goes_back_to, c.deadline, c.failure FROM confirmations c JOIN projects p ON p.id = c.project WHERE p.deleted_at = 0`)
	})
	if err != nil {
		return nil, fmt.Errorf("list what waits to be confirmed: %w", err)
	}
	return out, nil
}

type waiting struct {
	project string
	Pending
}

// settled takes the wait of a head away, if it still waits.
func settled(tx *store.Tx, id string, revision int64) (bool, error) {
	res, err := tx.Exec(`DELETE FROM confirmations WHERE project = $1 AND revision = $2`, id, revision)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// settle takes away what a rollback undoes. Of two that undo the same one wins.
func (in Import) settle(tx *store.Tx) error {
	if in.undoes == nil {
		return nil
	}
	if done, err := settled(tx, in.Project, in.undoes.Revision); err != nil || !done {
		return errors.Join(ErrConflict, err)
	}
	return nil
}

// Confirm lets the head of a project stay, if it is the revision given and its
// time is not over. What could not go back can still be confirmed.
func (s *Service) Confirm(ctx context.Context, by audit.Origin, id string, revision int64) error {
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if _, err := get(tx, id); err != nil {
			return err
		}
		p, err := readPending(tx, id)
		if err != nil {
			return err
		}
		if p == nil || p.Revision != revision || p.due(time.Now()) {
			return ErrNotPending
		}
		if _, err := settled(tx, id, revision); err != nil {
			return err
		}
		e := by.Event("project.confirm", audit.Done)
		e.Project, e.Details = id, map[string]any{"revision": revision}
		return audit.Record(tx, e)
	})
	if err != nil {
		return fmt.Errorf("confirm revision: %w", err)
	}
	return nil
}

// due reports whether it is time to go back, and that was not tried.
func (p *Pending) due(now time.Time) bool { return p.Failure == "" && !now.Before(p.At) }

// Undo takes a head that waits to be confirmed back at once.
func (s *Service) Undo(ctx context.Context, by audit.Origin, id string, revision int64) (*Result, error) {
	st, err := s.head(ctx, id)
	if err != nil {
		return nil, err
	}
	if st.pending == nil || st.pending.Revision != revision {
		return nil, ErrNotPending
	}
	return s.undo(ctx, by, id, *st.pending, fmt.Sprintf("revision %d was undone", revision))
}

func (s *Service) undo(ctx context.Context, by audit.Origin, id string, p Pending, message string) (*Result, error) {
	return s.rollback(ctx, by, Rollback{Project: id, Revision: p.GoesBackTo, Message: message}, &p)
}

// keeper is who takes back what nobody confirmed.
const keeper = "postern"

// GoBack takes back every head whose time to be confirmed is over at now, and
// returns how many. Several processes may do so at once: the transaction that
// goes back takes the wait away, and of two one wins. What cannot go back is
// recorded as failed and stays; what only could not be tried is tried again by
// the next call.
func (s *Service) GoBack(ctx context.Context, now time.Time) (int, error) {
	all, err := s.Waiting(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for id, p := range all {
		if !p.due(now) {
			continue
		}
		_, one := s.undo(ctx, audit.Origin{Actor: keeper}, id, p, fmt.Sprintf("nobody confirmed revision %d", p.Revision))
		switch f, refused := errors.AsType[*fault.Error](one); {
		case one == nil:
			n++
		case errors.Is(one, ErrConflict), errors.Is(one, ErrPending), errors.Is(one, ErrNotFound):
			// Somebody was quicker.
		case refused && (f.Kind == fault.Invalid || f.Kind == fault.NotFound):
			err = errors.Join(err, s.stuck(ctx, id, p, f))
		default:
			err = errors.Join(err, fmt.Errorf("take revision %d of %s back: %w", p.Revision, id, one))
		}
	}
	return n, err
}

// stuck records that a head cannot go back.
func (s *Service) stuck(ctx context.Context, id string, p Pending, why *fault.Error) error {
	text := why.Message
	if report, ok := why.Details.(*Report); ok {
		text = report.first()
	}
	if s.Log != nil {
		s.Log.ErrorContext(ctx, "a revision that nobody confirmed cannot go back", "project", id, "revision", p.Revision, "to", p.GoesBackTo, "why", text)
	}
	return s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		res, err := tx.Exec(`UPDATE confirmations SET failure = $3 WHERE project = $1 AND revision = $2 AND failure = ''`, id, p.Revision, text)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return err
		}
		e := audit.Origin{Actor: keeper}.Event("project.rollback", audit.Failed)
		e.Project, e.Details = id, map[string]any{"undoes": p.Revision, "to": p.GoesBackTo, "why": text}
		return audit.Record(tx, e)
	})
}
