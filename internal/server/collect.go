package server

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"postern/internal/audit"
)

// background starts what the server does beside requests, and returns what ends
// it and waits for its end.
func (s *Server) background(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { s.collectEvery(ctx, s.config.CollectEvery) })
	work.Go(func() { s.goBackEvery(ctx, goBackEvery) })
	work.Go(func() { s.Projects.Follow(ctx) })
	work.Go(func() { s.Messages.Stream(ctx) })
	return func() { cancel(); work.Wait() }
}

// collectEvery takes away what nothing needs, again and again. Several servers on
// one database may do so at once.
func (s *Server) collectEvery(ctx context.Context, pause time.Duration) {
	if pause <= 0 {
		return
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.collect(ctx)
		}
	}
}

// What a collection takes away of projects that are in use, or were.
const (
	ofProjects  = "project"
	ofRevisions = "revision"
	ofSecrets   = "secret"
	ofBlobs     = "blob"
)

// expiring is what else a collection takes away, by what it is: rows whose time is
// over.
func (s *Server) expiring() map[string]func(context.Context) (int, error) {
	return map[string]func(context.Context) (int, error){
		"act":       func(ctx context.Context) (int, error) { return audit.ExpireActs(ctx, s.db) },
		"attempt":   s.Attempts.Expire,
		"signup":    s.totp.Expire,
		"ceremony":  s.passkeys.Expire,
		"challenge": s.challenges.Expire,
		"session":   s.Sessions.Collect,
		"device":    s.Sessions.ExpireDevices,
	}
}

// collected is all that a collection takes away, by what it is.
func (s *Server) collected() []string {
	return slices.Concat([]string{ofProjects, ofRevisions, ofSecrets, ofBlobs}, slices.Sorted(maps.Keys(s.expiring())))
}

func (s *Server) collect(ctx context.Context) {
	began := time.Now()
	keep, err := s.config.Keep()
	if err != nil {
		s.log.ErrorContext(ctx, "not collected", "err", err) // New has looked at it
		return
	}
	gone, err := s.Projects.Collect(ctx, audit.Origin{Actor: "server"}, keep)
	for what, n := range map[string]int{ofProjects: gone.Projects, ofRevisions: gone.Revisions, ofSecrets: gone.Secrets, ofBlobs: gone.Blobs} {
		s.metrics.collected.WithLabelValues(what).Add(float64(n))
	}
	for what, expire := range s.expiring() {
		n, failed := expire(ctx)
		s.metrics.collected.WithLabelValues(what).Add(float64(n))
		err = errors.Join(err, failed)
	}
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		s.metrics.collections.WithLabelValues("failed").Inc()
		s.log.WarnContext(ctx, "not collected", "err", err)
	default:
		s.metrics.collections.WithLabelValues("done").Inc()
		s.log.DebugContext(ctx, "collected", "projects", gone.Projects, "revisions", gone.Revisions, "blobs", gone.Blobs, "duration", time.Since(began))
	}
}
