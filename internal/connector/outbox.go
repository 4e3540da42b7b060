package connector

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/store"
)

// ErrHidden is the outbox of a project that is in production now, whoever asks.
var ErrHidden = fault.New(fault.Forbidden, "P40391", "the outbox of a project in production is shown to nobody")

// ErrNoMessage is a message that is not in the outbox, or not any more.
var ErrNoMessage = fault.New(fault.NotFound, "P40491", "there is no such message in the outbox")

// How much of an outbox is kept: the newest messages of a week. A few more stay
// until the next time that old ones are taken away.
const (
	outboxSize = 500
	outboxFor  = 7 * 24 * time.Hour
	pruneEvery = 50 // messages of a project
)

// A Kept message is one of an outbox.
type Kept struct {
	ID string
	message.Message
	At time.Time // to the microsecond
}

// keep puts a message into the outbox of a project.
func (s *Service) keep(ctx context.Context, cfg *project.Config, m message.Message) error {
	if production(cfg) {
		return ErrProduction
	}
	id, at := ident.New("MO"), time.Now()
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO outbox (project, id, kind, recipient, subject, body_text, body_html, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			cfg.Project, id, string(m.Kind), m.To, m.Subject, m.Text, m.HTML, at.UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("keep message: %w", err)
	}
	n, _ := s.sent.LoadOrStore(cfg.Project, new(atomic.Int64))
	if n.(*atomic.Int64).Add(1)%pruneEvery == 0 {
		if err := s.prune(ctx, cfg.Project, at); err != nil { // the message is there all the same
			s.Log.WarnContext(ctx, "outbox not pruned", "project", cfg.Project, "err", err)
		}
	}
	return nil
}

func production(cfg *project.Config) bool { return cfg.Environment == "production" }

// prune takes away what is too old or too much. It is a transaction of its own: an
// insert that read the newest messages would be in the way of every other insert.
func (s *Service) prune(ctx context.Context, id string, now time.Time) error {
	return s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM outbox WHERE project = $1 AND (created_at < $2 OR created_at <
			(SELECT created_at FROM outbox WHERE project = $1 ORDER BY created_at DESC LIMIT 1 OFFSET $3))`,
			id, now.Add(-outboxFor).UnixMicro(), outboxSize-1)
		return err
	})
}

const outboxColumns = `id, kind, recipient, subject, body_text, body_html, created_at`

func scanKept(row store.Scanner) (Kept, error) {
	var k Kept
	var kind string
	var at int64
	err := row.Scan(&k.ID, &kind, &k.To, &k.Subject, &k.Text, &k.HTML, &at)
	k.Kind, k.At = message.Kind(kind), time.UnixMicro(at)
	return k, err
}

// Outbox returns the messages that a project kept, the newest first and limit of
// them at most; to narrows them to a recipient, blank is everybody. There are codes and links in them that
// work, so it is for those who may do everything in the project; the outbox of a
// project in production is refused to them, too.
func (s *Service) Outbox(ctx context.Context, cfg *project.Config, to string, limit int) ([]Kept, error) {
	if production(cfg) {
		return nil, ErrHidden
	}
	list, err := store.Rows(ctx, s.DB, scanKept,
		`SELECT `+outboxColumns+` FROM outbox WHERE project = $1 AND created_at >= $2 AND ($3 = '' OR recipient = $3) ORDER BY created_at DESC LIMIT $4`,
		cfg.Project, time.Now().Add(-outboxFor).UnixMicro(), to, min(limit, outboxSize))
	if err != nil {
		return nil, fmt.Errorf("list outbox: %w", err)
	}
	slices.SortStableFunc(list, func(a, b Kept) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return list, nil
}

// OutboxMessage returns one message that a project kept.
func (s *Service) OutboxMessage(ctx context.Context, cfg *project.Config, id string) (k Kept, err error) {
	if production(cfg) {
		return Kept{}, ErrHidden
	}
	err = s.DB.One(ctx, func(row store.Scanner) (err error) { k, err = scanKept(row); return err },
		`SELECT `+outboxColumns+` FROM outbox WHERE project = $1 AND id = $2`, cfg.Project, id)
	if errors.Is(err, sql.ErrNoRows) {
		return Kept{}, ErrNoMessage
	}
	return k, err
}
