package server

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// goBackEvery is how often the server looks for revisions that nobody confirmed
// in time. Another server may have made one, so a timer would not do.
const goBackEvery = time.Second

// goBackEvery takes back what nobody confirmed in time, at once and then again
// and again. Several servers on one database may do so.
func (s *Server) goBackEvery(ctx context.Context, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	failing := false
	for {
		failing = s.goBack(ctx, failing)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// goBack reports whether it failed. Where it failed before it is not said again
// every second.
func (s *Server) goBack(ctx context.Context, failing bool) bool {
	n, err := s.Projects.GoBack(ctx, time.Now())
	s.metrics.wentBack.Add(float64(n))
	if n > 0 {
		s.log.InfoContext(ctx, "took back what nobody confirmed", "projects", n)
	}
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	level := slog.LevelWarn
	if failing {
		level = slog.LevelDebug
	}
	s.log.Log(ctx, level, "not taken back, and tried again every second", "err", err)
	return true
}
