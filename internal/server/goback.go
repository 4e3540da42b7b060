package server

import (
	"context"
	"errors"
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
	for {
		s.goBack(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) goBack(ctx context.Context) {
	n, err := s.Projects.GoBack(ctx, time.Now())
	s.metrics.wentBack.Add(float64(n))
	if n > 0 {
		s.log.InfoContext(ctx, "took back what nobody confirmed", "projects", n)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		s.log.WarnContext(ctx, "not taken back", "err", err)
	}
}
