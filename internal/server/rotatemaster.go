package server

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"postern/internal/secret"
)

var (
	errRotating = errors.New("another rotation of this file runs, or was broken off")
	errMoved    = errors.New("the file was changed by somebody else meanwhile; nothing was done")
)

// AddMasterKey puts a new primary key into the file of the master key, beside
// the ones that are there.
func AddMasterKey(path string) error {
	return changeKeyFile(path, secret.AddMasterKey)
}

// DropMasterKeys leaves the primary key alone in the file, and returns how many
// keys went. Whether something still needs them is for the caller to know.
func DropMasterKeys(path string) (dropped int, err error) {
	err = changeKeyFile(path, func(file []byte) (next []byte, err error) {
		next, dropped, err = secret.DropMasterKeys(file)
		return next, err
	})
	return dropped, err
}

// changeKeyFile replaces the file by what change makes of it, whole or not at
// all, whatever happens meanwhile. The new file is written beside it under a
// name that only one process can have: two rotations at once must not throw a
// key of each other away.
func changeKeyFile(path string, change func([]byte) ([]byte, error)) error {
	path, err := filepath.EvalSymlinks(path) // the file, and not a link to it, is replaced
	if err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	draft := path + ".next"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: if none runs, remove %s, which nobody used yet", errRotating, draft)
	}
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
