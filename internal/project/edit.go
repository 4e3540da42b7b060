package project

import (
	"context"
	"errors"

	"postern/internal/audit"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// editAttempts bounds how often an edit is made again because another one won.
const editAttempts = 5

// Edit changes some files of a configuration, for calls that set one thing: make
// is given the current files, without secrets, and returns those that are to be
// otherwise, with paths as in a snapshot; none changes nothing. What follows is an
// import: the same checks, guards and record. Where somebody else was faster, make
// is called again.
func (s *Service) Edit(ctx context.Context, by audit.Origin, id, message string, make func(snapshot.Files) (snapshot.Files, error)) error {
	_, err := s.EditWith(ctx, by, id, message, make, nil)
	return err
}

// EditWith is Edit for calls that change rows beside the configuration: also is run
// in the transaction that stores the revision. Where the configuration is that
// already there is none, and EditWith returns false.
func (s *Service) EditWith(ctx context.Context, by audit.Origin, id, message string, make func(snapshot.Files) (snapshot.Files, error), also func(*store.Tx) error) (bool, error) {
	for n := 1; ; n++ {
		files, rev, err := s.Export(ctx, id, snapshot.FormatPlain)
		if err != nil {
			return false, err
		}
		changed, err := make(files)
		if err != nil || len(changed) == 0 {
			return false, err
		}
		in := Import{Project: id, Kind: KindEdit, Upload: &snapshot.Upload{Files: changed, SameIDs: true, Message: message}, IfMatch: rev.Digest.String(), also: also}
		res, err := s.Import(ctx, by, in)
		if n < editAttempts && (errors.Is(err, ErrPrecond) || errors.Is(err, ErrConflict)) {
			continue
		}
		return err == nil && res.Changed, err
	}
}
