package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"postern/internal/secret"
	"postern/internal/store"
)

var (
	errRotating = errors.New("another rotation of this file runs")
	errMoved    = errors.New("the file was changed by somebody else meanwhile; nothing was done")
)

// AddMasterKey puts a new primary key into the file of the master key, beside
// the ones that are there.
func AddMasterKey(ctx context.Context, path string) error {
	return changeKeyFile(ctx, path, secret.AddMasterKey)
}

// DropMasterKeys leaves the primary key alone in the file, and returns how many
// keys went. Whether something still needs them is for the caller to know.
func DropMasterKeys(ctx context.Context, path string) (dropped int, err error) {
	err = changeKeyFile(ctx, path, func(file []byte) (next []byte, err error) {
		next, dropped, err = secret.DropMasterKeys(file)
		return next, err
	})
	return dropped, err
}

// changeKeyFile replaces the file by what change makes of it, whole or not at
// all, whatever happens meanwhile. One process at a time may: two rotations at
// once must not throw a key of each other away. What one that was killed left
// beside the file was used by nobody yet, and is written over.
func changeKeyFile(ctx context.Context, path string, change func([]byte) ([]byte, error)) error {
	path, err := filepath.EvalSymlinks(path) // the file, and not a link to it, is replaced
	if err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	unlock, err := store.LockFile(ctx, path)
	if err != nil {
		return fmt.Errorf("%w: %w", errRotating, err)
	}
	defer unlock()
	draft := path + ".next"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("master key: %w", err)
	}
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	err = fillKeyFile(f, path, change)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	if err := os.Rename(draft, path); err != nil {
		return errors.Join(fmt.Errorf("master key: %w", err), os.Remove(draft))
	}
	return syncFolder(filepath.Dir(path))
}

func fillKeyFile(f *os.File, path string, change func([]byte) ([]byte, error)) error {
	was, err := readKeyFile(path)
	if err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	next, err := change(was)
	if err != nil {
		return err
	}
	if err := sameOwner(f, path); err != nil {
		return fmt.Errorf("give the new master key to the owner of the old one: %w", err)
	}
	if _, err := f.Write(next); err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	now, err := os.ReadFile(path) //nolint:gosec // as above
	if err == nil && !bytes.Equal(was, now) {
		err = errMoved
	}
	return err
}

// syncFolder makes a rename survive a power cut.
func syncFolder(path string) error {
	d, err := os.Open(path) //nolint:gosec // as above
	if err != nil {
		return err
	}
	_ = d.Sync() // not every system can
	return d.Close()
}
