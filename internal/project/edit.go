package project

import (
	"context"
	"errors"

	"postern/internal/audit"
	"postern/internal/snapshot"
)

// editAttempts bounds how often an edit is made again because another one won.
const editAttempts = 5

// Edit changes some files of a configuration, for calls that set one thing: make
// is given the current files, without secrets, and returns those that are to be
// otherwise, with paths as in a snapshot; none changes nothing. What follows is an
// import: the same checks, guards and record. Where somebody else was faster, make
// is called again.
func (s *Service) Edit(ctx context.Context, by audit.Origin, id, message string, make func(snapshot.Files) (snapshot.Files, error)) error {
	for n := 1; ; n++ {
		files, rev, err := s.Export(ctx, id, snapshot.FormatPlain)
		if err != nil {
			return err
		}
		changed, err := make(files)
		if err != nil || len(changed) == 0 {
			return err
		}
		in := Import{Project: id, Kind: KindEdit, Upload: &snapshot.Upload{Files: changed, SameIDs: true, Message: message}}
		if rev.Number > 0 {
			in.IfMatch = rev.Digest.String()
		}
		_, err = s.Import(ctx, by, in)
		if n < editAttempts && (errors.Is(err, ErrPrecond) || errors.Is(err, ErrConflict)) {
			continue
		}
		return err
	}
}
