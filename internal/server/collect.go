package server

import (
	"context"
	"errors"
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

func (s *Server) collect(ctx context.Context) {
	began := time.Now()
	keep, err := s.config.Keep()
	if err != nil {
		s.log.ErrorContext(ctx, "not collected", "err", err) // New has looked at it
		return
	}
	gone, err := s.Projects.Collect(ctx, audit.Origin{Actor: "server"}, keep)
	attempts, err2 := s.Attempts.Expire(ctx)
	signUps, err3 := s.totp.Expire(ctx)
	sessions, err4 := s.Sessions.Collect(ctx)
	err = errors.Join(err, err2, err3, err4)
	s.metrics.collected.WithLabelValues("session").Add(float64(sessions))
	ceremonies, err4 := s.passkeys.Expire(ctx)
	err = errors.Join(err, err2, err3, err4)
	proofs, err5 := s.challenges.Expire(ctx)
	err = errors.Join(err, err5)
	s.metrics.collected.WithLabelValues("challenge").Add(float64(proofs))
	s.metrics.collected.WithLabelValues("ceremony").Add(float64(ceremonies))
	s.metrics.collected.WithLabelValues("signup").Add(float64(signUps))
	s.metrics.collected.WithLabelValues("attempt").Add(float64(attempts))
	s.metrics.collected.WithLabelValues("project").Add(float64(gone.Projects))
	s.metrics.collected.WithLabelValues("revision").Add(float64(gone.Revisions))
	s.metrics.collected.WithLabelValues("secret").Add(float64(gone.Secrets))
	s.metrics.collected.WithLabelValues("blob").Add(float64(gone.Blobs))
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
