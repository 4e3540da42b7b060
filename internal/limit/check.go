package limit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"postern/internal/store"
)

// Address is what counts as one address: of IPv6 whoever has one has a network of
// 64 bits.
func Address(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if p, err := a.Prefix(64); a.Is6() && err == nil {
		return p.String()
	}
	return a.String()
}

// Check refuses an attempt over its limit with ErrExceeded, and counts nothing. It is
// for what counts only when it fails: of many at once, some that begin before the
// others fail are over the limit by the time they do, and Hit refuses those.
func (s *Service) Check(ctx context.Context, project string, rule Rule, subject string) error {
	list, err := s.prepare(project, []Attempt{{Rule: rule, Subject: subject}})
	if err != nil {
		return err
	}
	c := list[0]
	var since int64
	err = s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&since) },
		`SELECT since FROM limits WHERE project = $1 AND scope = $2 AND subject = $3 AND tries >= $4 AND since > $5 AND since < $6`,
		c.project, c.Scope, c.subject[:], c.Max, c.at.Add(-c.Within).UnixMilli(), c.at.Add(c.Within).UnixMilli())
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return s.Rows.Look(ctx, project)
	case err != nil:
		return fmt.Errorf("look at attempts: %w", err)
	}
	c.wait = time.UnixMilli(since).Add(c.Within).Sub(c.at)
	s.over.add([]counter{c})
	return exceeded([]counter{c})
}
