package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"postern/internal/fault"
)

// What callers are told of the database. Everything else is internal.
var (
	ErrOutcomeUnknown = fault.New(fault.Unknown, "P50002",
		"the outcome of the commit is not known; read the project to find out")
	ErrFull  = fault.New(fault.Unavailable, "P50701", "the database is full")
	ErrGone  = fault.New(fault.Unavailable, "P50301", "the database does not answer")
	ErrBusy  = fault.New(fault.Unavailable, "P50302", "the database is too busy")
	ErrNewer = fault.New(fault.Unsupported, "P50101", "the database was made by a newer version of Postern")
)

// faulted adds to err what a caller may know of it. A fault that it has already,
// and a context that ended, say more than we could.
func faulted(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if f := classify(err); f != nil {
		return fmt.Errorf("%w: %w", f, err)
	}
	return err
}

func classify(err error) *fault.Error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff { // the rest says which call it was
		case sqlite3.SQLITE_FULL:
			return ErrFull
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return ErrBusy
		case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
			return ErrGone
		}
		return nil
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case e.Code == "53100": // disk_full
			return ErrFull
		case lost(err), e.Code == "53200", e.Code == "53300", e.Code == "55P03": // out_of_memory (of locks), too_many_connections, lock_not_available
			return ErrBusy
		case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "57P"): // connection, shutdown
			return ErrGone
		}
		return nil
	}
	_, noConnect := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	if noConnect || network {
		return ErrGone
	}
	for _, gone := range []error{driver.ErrBadConn, pgconn.ErrConnClosed, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, gone) {
			return ErrGone
		}
	}
	return nil
}

// lost reports whether a transaction failed only because of another one, and
// may succeed when run again: serialization_failure, deadlock_detected.
func lost(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}

// notCommitted reports whether an error of Commit proves that nothing was
// written. In doubt it does not. That the driver says of an error that it came
// before anything was sent is no proof: of a connection that was cut after the
// commit was sent it says so, too.
func notCommitted(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return true
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		// An ERROR rolls back and says so. FATAL ends the session, perhaps after
		// the commit; transaction_resolution_unknown and
		// statement_completion_unknown say it themselves.
		return e.SeverityUnlocalized == "ERROR" && e.Code != "08007" && e.Code != "40003"
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_INTERRUPT:
			return true
		}
	}
	return false
}
