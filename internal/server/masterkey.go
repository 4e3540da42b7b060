package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"postern/internal/secret"
)

// What keeps a server from starting for want of its master key.
var (
	ErrNoMasterKey = errors.New("there is no master key")
	ErrOtherKey    = errors.New("the database holds projects whose secrets are sealed under another master key: name the file of that key")
)

// madeKey is the file of a master key that this start made, or "".
type madeKey string

// undo takes a key away again under which nothing was sealed.
func (m madeKey) undo() error {
	if m == "" {
		return nil
	}
	return os.Remove(string(m))
}

// master returns the master key that the settings name, and says whether it was
// made just now.
func (c *Config) master() (*secret.Master, madeKey, error) {
	if !c.MasterKey.IsZero() {
		m, err := secret.LoadMaster([]byte(c.MasterKey.Reveal()))
		if err != nil {
			return nil, "", fmt.Errorf("POSTERN_MASTER_KEY: %w", err)
		}
		return m, "", nil
	}
	if c.MasterKeyFile == "" {
		return nil, "", ErrNoMasterKey
	}
	m, err := readMaster(c.MasterKeyFile)
	if errors.Is(err, fs.ErrNotExist) && c.MakeMasterKey {
		return makeMaster(c.MasterKeyFile)
	}
	if err != nil {
		return nil, "", fmt.Errorf("master key: %w", err)
	}
	return m, "", nil
}

// OpenMaster returns the master key that the settings name, for commands that
// work without a server. It makes none.
func (c *Config) OpenMaster() (*secret.Master, error) {
	if c.MasterKeyFile != "" && !c.MasterKey.IsZero() {
		return nil, errTwoKeys
	}
	with := *c
	with.MakeMasterKey = false
	m, _, err := with.master()
	return m, err
}

// readMaster reads the key file, and again when its keys do not do any more:
// they may be rotated while the server runs.
func readMaster(path string) (*secret.Master, error) {
	b, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	m, err := secret.LoadMaster(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m.Follow(func() ([]byte, error) { return readKeyFile(path) })
	return m, nil
}

// readKeyFile reads the key file, and refuses one that others may read.
func readKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; --make-master-key makes it on the first start", err)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s can be read by others (mode %04o): run chmod 600 on it", path, perm)
	}
	return os.ReadFile(path) //nolint:gosec // the operator names the file
}

// makeMaster makes the key file, whole or not at all, and never over another one.
func makeMaster(path string) (*secret.Master, madeKey, error) {
	m, content, err := secret.NewMaster()
	if err != nil {
		return nil, "", err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), ".master-key-*") // mode 0600
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("make master key: there is no folder %s; make it, for the user who runs this", filepath.Dir(path))
	}
	if err != nil {
		return nil, "", fmt.Errorf("make master key: %w", err)
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(content)
	if err := errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return nil, "", fmt.Errorf("make master key: %w", err)
	}
	if err := os.Link(draft.Name(), path); err != nil {
		return nil, "", fmt.Errorf("make master key: %w", err)
	}
	m.Follow(func() ([]byte, error) { return readKeyFile(path) })
	return m, madeKey(path), nil
}
