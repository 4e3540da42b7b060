//go:build unix

package server

import (
	"os"
	"syscall"
)

// sameOwner gives f to whoever owns the file at path: root rotates the key that
// the server must read.
func sameOwner(f *os.File, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}
