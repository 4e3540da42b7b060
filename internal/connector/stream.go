package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/safehttp"
	"postern/internal/store"
)

// How the audit goes out.
const (
	mostRecords   = 100              // in one post, as receivers of the wire expect
	mostBytes     = 512 << 10        // of the records in one post; one alone may be larger
	mostRead      = 500              // records, and as many acts of people, that are looked at for one post
	postsAtOnce   = 20               // of one stream, before others have their turn
	sendersAtOnce = 8                // streams of one process that send at the same time
	postTimeout   = 25 * time.Second // with the token that it may need
	heldFor       = time.Minute      // who sends and dies is followed by another one after it
	firstPause    = 2 * time.Second  // before the second try; it doubles with each
	longestPause  = 15 * time.Minute
	givenUpAfter  = 72 * time.Hour // what could not be sent for so long is passed over
	lookEvery     = time.Second
	countEvery    = 15 // looks
)

// Streamed counts what became of records of the audit that connectors take, for
// metrics. Its zero value is ready.
type Streamed struct {
	Delivered, Dropped      atomic.Uint64 // records
	Forgotten               atomic.Uint64 // acts of people who did too much, before they were taken
	Posts, FailedPosts      atomic.Uint64
	Waiting, FailingStreams atomic.Int64 // in the whole database, as it was seen last
}

// Obeyed makes the connectors of a configuration that take the audit those who follow
// it, as part of the transaction that makes it the one of its project: they begin with
// the record of that, and one that is gone is sent nothing more.
func (s *Service) Obeyed(tx *store.Tx, cfg *project.Config) error {
	var readers []string
	for id, c := range cfg.Connectors {
		if _, ok := sinkOf(c); ok {
			readers = append(readers, id)
		}
	}
	slices.Sort(readers)
	return audit.Follow(tx, cfg.Project, readers)
}

// Stream sends records of the audit to the connectors that take them, until ctx ends.
// Several processes on one database share the work.
func (s *Service) Stream(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var work sync.WaitGroup
	defer work.Wait()
	slots := make(chan struct{}, sendersAtOnce)
	for n := 0; ; n++ {
		if n%countEvery == 0 {
			s.count(ctx)
		}
		err := audit.Number(ctx, s.DB, s.People...)
		list, looked := audit.Due(ctx, s.DB, time.Now(), 2*sendersAtOnce)
		if err = errors.Join(err, looked); err != nil && ctx.Err() == nil {
			s.Log.Log(ctx, slog.LevelDebug, "audit not streamed, and tried again every second", "err", err) // metrics and readyz tell of the database
		}
		for _, st := range list {
			select {
			case slots <- struct{}{}:
				work.Go(func() { defer func() { <-slots }(); s.deliver(ctx, st, time.Now) })
			default: // at the next look
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// count remembers how much waits.
func (s *Service) count(ctx context.Context) {
	if waiting, failing, err := audit.Backlog(ctx, s.DB, s.People...); err == nil {
		s.Streamed.Waiting.Store(waiting)
		s.Streamed.FailingStreams.Store(failing)
	}
}

// StreamOnce sends what is due at the time that clock says, one stream after the other,
// and returns how many streams there were.
func (s *Service) StreamOnce(ctx context.Context, clock func() time.Time) (int, error) {
	err := audit.Number(ctx, s.DB, s.People...)
	list, looked := audit.Due(ctx, s.DB, clock(), 1000)
	for _, st := range list {
		s.deliver(ctx, st, clock)
	}
	s.count(ctx)
	return len(list), errors.Join(err, looked)
}

// deliver sends what waits in one stream, in its order, until there is nothing more, it
// fails, or others should have their turn. What it cannot note it says in the log: then
// somebody sends the same again after a while.
func (s *Service) deliver(ctx context.Context, st audit.Stream, clock func() time.Time) {
	holder := ident.New("H")
	ok, err := st.Hold(ctx, s.DB, holder, clock(), clock().Add(heldFor))
	for range postsAtOnce {
		if err != nil || !ok {
			break
		}
		ok, err = s.advance(ctx, &st, holder, clock)
	}
	ctx = context.WithoutCancel(ctx) // at the end of the server, too: so another one need not wait
	if err = errors.Join(err, st.GiveUp(ctx, s.DB, holder)); err != nil && !errors.Is(err, context.Canceled) {
		s.Log.WarnContext(ctx, "audit stream broke off", "project", st.Project, "connector", st.Reader, "err", err)
	}
}

// advance sends one post, and reports whether there may be more.
func (s *Service) advance(ctx context.Context, st *audit.Stream, holder string, clock func() time.Time) (more bool, err error) {
	cfg, err := s.Projects.Config(ctx, st.Project) // each time: what was removed gets nothing more
	if errors.Is(err, project.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c := cfg.Connectors[st.Reader]
	sink, ok := sinkOf(c)
	if !ok {
		return false, nil
	}
	var settings streamSettings
	if err := json.Unmarshal(c.Configuration, &settings); err != nil {
		return false, err
	}
	records, end, err := s.next(ctx, st, settings)
	if err != nil || end == st.Place {
		return false, err
	}
	if len(records) > 0 {
		sending := &call{s: s, cfg: cfg, connector: c, base: strings.TrimSuffix(cmp.Or(s.Bases[c.Type], sink.base), "/")}
		if err := s.post(ctx, sending, sink, records); err != nil {
			return false, s.failed(ctx, st, holder, sending, err, clock())
		}
		s.Streamed.Delivered.Add(uint64(len(records)))
	}
	if st.Failures > 0 {
		s.Log.InfoContext(ctx, "audit stream works again", "project", st.Project, "connector", st.Reader)
	}
	st.Place, st.Failures = end, 0
	return st.Took(context.WithoutCancel(ctx), s.DB, holder, end, clock().Add(heldFor))
}

// post sends records and counts how that went.
func (s *Service) post(ctx context.Context, sending *call, to sink, records []record) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	s.Streamed.Posts.Add(1)
	err := to.send(ctx, sending, records)
	if err != nil {
		s.Streamed.FailedPosts.Add(1)
	}
	return err
}

// failed notes that a post did not work.
func (s *Service) failed(ctx context.Context, st *audit.Stream, holder string, sending *call, err error, now time.Time) error {
	if ctx.Err() != nil {
		return ctx.Err() // the server ends, which is not the receiver's fault
	}
	problem := sending.scrub(err)
	if a, ok := errors.AsType[*answered](err); ok {
		problem = fmt.Sprintf("the service answered %d", a.status)
	} else if errors.Is(err, safehttp.ErrClear) || errors.Is(err, safehttp.ErrURL) {
		problem = "the server does not call such an address"
	}
	pause := min(firstPause<<min(st.Failures, 16), longestPause)
	level := slog.LevelDebug
	if st.Failures == 0 { // once, until it works again
		level = slog.LevelWarn
	}
	s.Log.Log(ctx, level, "audit not taken", "project", st.Project, "connector", st.Reader, "type", sending.connector.Type, "tries", st.Failures+1, "err", sending.scrub(err))
	dropped, err := st.Fail(ctx, s.DB, holder, problem[:min(len(problem), 200)], now.Add(pause), now.Add(-givenUpAfter), s.People...)
	if dropped > 0 {
		s.Streamed.Dropped.Add(uint64(dropped))
		s.Log.WarnContext(ctx, "audit given up", "project", st.Project, "connector", st.Reader, "records", dropped)
	}
	return err
}
