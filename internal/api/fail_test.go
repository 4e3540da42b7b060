package api

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/internal/limit"
)

// Clients of the wire know a limit by its code, and wait for as long as the
// header says.
func TestWhatALimitAnswers(t *testing.T) {
	t.Parallel()
	s := &Server{Log: slog.New(slog.DiscardHandler)}
	w := httptest.NewRecorder()
	s.fail(w, httptest.NewRequest("POST", "/", nil), fmt.Errorf("verify: %w", limit.ErrExceeded.With(limit.Wait{Seconds: 7})))
	if w.Code != 429 || w.Header().Get("Retry-After") != "7" || !strings.Contains(w.Body.String(), `"errorCode":"E130429"`) {
		t.Errorf("%d, Retry-After %q, %s", w.Code, w.Header().Get("Retry-After"), w.Body)
	}
}
