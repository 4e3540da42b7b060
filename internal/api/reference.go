package api

import (
	"net/http"

	"postern/internal/edge"
	"postern/internal/fault"
)

// StatusOf returns the HTTP status that a fault is answered with, for the
// reference.
func StatusOf(f *fault.Error) int {
	if f.Code == errHangUp.Code {
		return http.StatusBadRequest // as fail does; nobody reads it
	}
	return edge.Status(f)
}
