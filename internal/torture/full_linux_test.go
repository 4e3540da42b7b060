package torture

import (
	"errors"
	"syscall"
	"testing"

	"postern/internal/store"
)

// On a file system that is really full nothing is half applied, what is there is
// still given out, and with room again it goes on.
func TestFileSystemIsFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	b := emptyBed(t)
	v := &victim{notes: 6}
	fill(t, dir, b.files)
	o, err := b.open(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.DB.Close() })
	count := tally{}
	for n := 1; count[notApplied] < 20; n++ {
		if n > 1000 {
			t.Fatal("the file system does not get full")
		}
		o.new = v.next(n)
		answer, err := o.apply(t, o.new)
		count[answer]++
		if answer == notApplied && !errors.Is(err, store.ErrFull) {
			t.Errorf("import %d: got %v, want %v", n, err, store.ErrFull)
		}
		found, err := o.state(t)
		if err != nil || answer == done && found != isNew || answer == notApplied && found != isOld {
			t.Fatalf("import %d is %s, and a request finds the %s revision, %v", n, answer, found, err)
		}
		if found == isNew {
			o.old = o.new
		}
	}
	t.Logf("%v", count)
	if count[done] == 0 {
		t.Error("there was no room at all")
	}
	if found, err := b.at(t, lay(t, read(t, dir))); err != nil || found != isOld {
		t.Errorf("after a crash there is the %s revision, %v", found, err)
	}
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if answer, err := o.apply(t, o.new); answer != done {
		t.Errorf("with room again: %s, %v", answer, err)
	}
	if found, err := o.state(t); err != nil || found != isNew {
		t.Errorf("with room again a request finds the %s revision, %v", found, err)
	}
}
