package torture

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// A disk stands between SQLite and the files of one folder. It counts what is
// done, can make any of it fail or only seem to be done, and remembers what was
// written and what was synced, so that it can say what a power cut would leave.
//
// It is a VFS of SQLite, laid over that of the system, which does the work. The
// program does not know of it.
type disk struct {
	dir string

	mu    sync.Mutex
	count int                  // calls since the last arm
	fault func(c call) verdict // what becomes of a call; nil lets all happen
	log   []call               // what changed files, in order
	keep  bool                 // whether log is kept
	hits  int                  // how many calls did not happen as they should
	first call                 // the first of them
}

// A call is one thing that SQLite asks of the file system.
type call struct {
	n    int // from 1, since the disk was armed
	what string
	file string // the name in the folder
	at   int64
	data []byte // that was written
	half func() int32
}

// A verdict is what becomes of a call: it happens, it fails with a code of
// SQLite, or one of those below.
type verdict int32

const (
	happens verdict = 0
	drops   verdict = -1 // it only seems to have happened
	lies    verdict = -2 // it happened, and only seems to have failed
	halves  verdict = -3 // half of a write happened, and it failed
)

// failures are the codes that the calls fail with.
var failures = map[string]verdict{
	"open": sqlite3.SQLITE_CANTOPEN, "read": sqlite3.SQLITE_IOERR_READ, "write": sqlite3.SQLITE_IOERR_WRITE, "truncate": sqlite3.SQLITE_IOERR_TRUNCATE,
	"sync": sqlite3.SQLITE_IOERR_FSYNC, "size": sqlite3.SQLITE_IOERR_FSTAT, "lock": sqlite3.SQLITE_IOERR_LOCK, "delete": sqlite3.SQLITE_IOERR_DELETE,
	"map": sqlite3.SQLITE_IOERR_SHMMAP, "share": sqlite3.SQLITE_IOERR_SHMLOCK,
}

// overlay is the VFS, there once for the process.
type overlay struct {
	once    sync.Once
	vfs     *sqlite3.Tsqlite3_vfs
	below   *sqlite3.Tsqlite3_vfs
	methods sync.Map // address of the system's methods → ours
	files   sync.Map // address of an open file → *handle
	disks   sync.Map // folder → *disk
	alive   []any    // functions that SQLite has the address of
}

type handle struct {
	disk *disk
	name string
	real *sqlite3.Tsqlite3_io_methods
}

var theOverlay overlay //nolint:gochecknoglobals // SQLite has one list of VFS, too

// newDisk watches a folder until the test ends.
func newDisk(t testing.TB, dir string) *disk {
	t.Helper()
	theOverlay.once.Do(theOverlay.register)
	d := &disk{dir: dir}
	theOverlay.disks.Store(dir, d)
	t.Cleanup(func() { theOverlay.disks.Delete(dir) })
	return d
}

// arm begins to count, with what is to become of the calls.
func (d *disk) arm(fault func(call) verdict) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count, d.hits, d.fault, d.first = 0, 0, fault, call{}
}

// judge counts a call and says what becomes of it.
func (d *disk) judge(c call) verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	c.n = d.count
	v := happens
	if d.fault != nil {
		if v = d.fault(c); v != happens {
			if d.hits++; d.hits == 1 {
				d.first = c
			}
		}
	}
	if d.keep && v == happens && (c.what == "write" || c.what == "truncate" || c.what == "sync" || c.what == "delete") {
		d.log = append(d.log, c)
	}
	return v
}

// address returns what C calls to reach a function.
func (o *overlay) address(fn any) uintptr {
	o.alive = append(o.alive, fn)
	type iface [2]uintptr
	return (*iface)(unsafe.Pointer(&fn))[1]
}

// as makes an address a function that Go calls.
func as[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{address})) }

func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

type (
	openFunc   = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	deleteFunc = func(tls *libc.TLS, vfs, name uintptr, sync int32) int32
	moveFunc   = func(tls *libc.TLS, file, buffer uintptr, n int32, at int64) int32
	sizeFunc   = func(tls *libc.TLS, file uintptr, n int64) int32
	flagFunc   = func(tls *libc.TLS, file uintptr, flags int32) int32
	fileFunc   = func(tls *libc.TLS, file uintptr) int32
	statFunc   = func(tls *libc.TLS, file, into uintptr) int32
	mapFunc    = func(tls *libc.TLS, file uintptr, page, size, extend int32, into uintptr) int32
	shareFunc  = func(tls *libc.TLS, file uintptr, offset, n, flags int32) int32
)

func (o *overlay) register() {
	tls := libc.NewTLS()
	o.below = at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
	// SQLite keeps the address, so it must not be one that Go may move.
	where := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*o.below)))
	o.vfs = at[sqlite3.Tsqlite3_vfs](where)
	*o.vfs = *o.below
	name, err := libc.CString("watched")
	if err != nil {
		panic(err)
	}
	o.vfs.FzName = name
	o.vfs.FxOpen = o.address(o.open)
	o.vfs.FxDelete = o.address(o.delete)
	if code := sqlite3.Xsqlite3_vfs_register(tls, where, 1); code != 0 {
		panic(code)
	}
}

// diskOf returns the disk of a path and the name in it, or nil.
func (o *overlay) diskOf(path uintptr) (*disk, string) {
	if path == 0 {
		return nil, ""
	}
	dir, name := filepath.Split(libc.GoString(path))
	d, ok := o.disks.Load(strings.TrimSuffix(dir, "/"))
	if !ok {
		return nil, ""
	}
	return d.(*disk), name
}

func (o *overlay) open(tls *libc.TLS, vfs, path, file uintptr, flags int32, out uintptr) int32 {
	below := as[openFunc](o.below.FxOpen)
	d, name := o.diskOf(path)
	if d == nil {
		return below(tls, vfs, path, file, flags, out)
	}
	if v := d.judge(call{what: "open", file: name}); v != happens {
		at[sqlite3.Tsqlite3_file](file).FpMethods = 0
		return int32(failures["open"])
	}
	code := below(tls, vfs, path, file, flags, out)
	if f := at[sqlite3.Tsqlite3_file](file); code == 0 && f.FpMethods != 0 {
		o.files.Store(file, &handle{d, name, at[sqlite3.Tsqlite3_io_methods](f.FpMethods)})
		f.FpMethods = o.wrap(tls, f.FpMethods)
	}
	return code
}

func (o *overlay) delete(tls *libc.TLS, vfs, path uintptr, sync int32) int32 {
	if d, name := o.diskOf(path); d != nil {
		if _, err := os.Stat(libc.GoString(path)); err == nil { // SQLite deletes what is not there, too
			switch v := d.judge(call{what: "delete", file: name}); v {
			case happens:
			case drops:
				return 0
			case lies:
				_ = as[deleteFunc](o.below.FxDelete)(tls, vfs, path, sync)
				return int32(failures["delete"])
			default:
				return int32(v)
			}
		}
	}
	return as[deleteFunc](o.below.FxDelete)(tls, vfs, path, sync)
}

func (o *overlay) handle(file uintptr) *handle {
	h, _ := o.files.Load(file)
	return h.(*handle)
}

// through makes a call below if it happens. Syncs are only counted: the process
// that is looked at next finds what was written, synced or not, and what a power
// cut leaves is made from the log.
func (h *handle) through(c call, below func() int32) int32 {
	c.file = h.name
	if c.what == "sync" {
		below = func() int32 { return 0 }
	}
	switch v := h.disk.judge(c); v {
	case happens:
		return below()
	case drops:
		return 0
	case lies:
		_ = below()
		return int32(failures[c.what])
	case halves:
		_ = c.half()
		return int32(failures[c.what])
	default:
		return int32(v)
	}
}

// wrap returns methods that ask the disk first, for those of the system.
func (o *overlay) wrap(tls *libc.TLS, system uintptr) uintptr {
	if made, ok := o.methods.Load(system); ok {
		return made.(uintptr)
	}
	real := at[sqlite3.Tsqlite3_io_methods](system)
	where := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*real)))
	m := at[sqlite3.Tsqlite3_io_methods](where)
	*m = *real
	m.FxClose = o.address(func(tls *libc.TLS, file uintptr) int32 {
		o.files.Delete(file)
		return as[fileFunc](real.FxClose)(tls, file)
	})
	m.FxRead = o.address(func(tls *libc.TLS, file, buffer uintptr, n int32, off int64) int32 {
		return o.handle(file).through(call{what: "read"}, func() int32 { return as[moveFunc](real.FxRead)(tls, file, buffer, n, off) })
	})
	m.FxWrite = o.address(func(tls *libc.TLS, file, buffer uintptr, n int32, off int64) int32 {
		data := append([]byte(nil), unsafe.Slice(at[byte](buffer), n)...)
		write := func(n int32) int32 { return as[moveFunc](real.FxWrite)(tls, file, buffer, n, off) }
		return o.handle(file).through(call{what: "write", at: off, data: data, half: func() int32 { return write(n / 2) }}, func() int32 { return write(n) })
	})
	m.FxTruncate = o.address(func(tls *libc.TLS, file uintptr, n int64) int32 {
		return o.handle(file).through(call{what: "truncate", at: n}, func() int32 { return as[sizeFunc](real.FxTruncate)(tls, file, n) })
	})
	m.FxSync = o.address(func(tls *libc.TLS, file uintptr, flags int32) int32 {
		return o.handle(file).through(call{what: "sync"}, func() int32 { return as[flagFunc](real.FxSync)(tls, file, flags) })
	})
	m.FxFileSize = o.address(func(tls *libc.TLS, file, into uintptr) int32 {
		return o.handle(file).through(call{what: "size"}, func() int32 { return as[statFunc](real.FxFileSize)(tls, file, into) })
	})
	m.FxLock = o.address(func(tls *libc.TLS, file uintptr, level int32) int32 {
		return o.handle(file).through(call{what: "lock"}, func() int32 { return as[flagFunc](real.FxLock)(tls, file, level) })
	})
	if real.FiVersion >= 2 {
		m.FxShmMap = o.address(func(tls *libc.TLS, file uintptr, page, size, extend int32, into uintptr) int32 {
			return o.handle(file).through(call{what: "map"}, func() int32 { return as[mapFunc](real.FxShmMap)(tls, file, page, size, extend, into) })
		})
		m.FxShmLock = o.address(func(tls *libc.TLS, file uintptr, offset, n, flags int32) int32 {
			below := func() int32 { return as[shareFunc](real.FxShmLock)(tls, file, offset, n, flags) }
			if flags&sqlite3.SQLITE_SHM_UNLOCK != 0 {
				return below() // giving a lock back cannot fail
			}
			return o.handle(file).through(call{what: "share"}, below)
		})
	}
	o.methods.Store(system, where)
	return where
}
