package store

import (
	"context"
	"database/sql"
	"strings"
	"sync"
)

const (
	// mostStatements bounds the statements that a pool keeps compiled, on each of
	// its connections. Some kilobytes each.
	mostStatements = 200
	// often is how often a text must come. Those whose lists have other lengths each
	// time are many, and none of them comes often.
	often = 8
	// mostSeen bounds the texts that are counted until then.
	mostSeen = 2000
)

// statements keeps what SQLite made of the texts that come again: to compile one
// takes longer than most of them run. The driver for PostgreSQL does so itself,
// where this is nil.
type statements struct {
	bound  bool // to the connection whose transaction runs them, and not to a pool
	mu     sync.Mutex
	seen   map[string]int
	wanted []string
	ready  map[string]*sql.Stmt
}

func newStatements(bound bool) *statements {
	return &statements{bound: bound, seen: map[string]int{}, ready: map[string]*sql.Stmt{}}
}

// find returns the statement with a text; nil if it is not compiled, as when it
// comes for the first times.
func (s *statements) find(text string) *sql.Stmt {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt := s.ready[text]; stmt != nil {
		return stmt
	}
	if !kept(text) {
		return nil
	}
	if len(s.seen) >= mostSeen {
		clear(s.seen)
	}
	s.seen[text]++
	if s.seen[text] == often && len(s.ready)+len(s.wanted) < mostStatements {
		s.wanted = append(s.wanted, text)
	}
	return nil
}

func (s *statements) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready[text] != nil
}

// kept reports whether a text is one that is worth it. A PRAGMA is carried out
// when it is compiled, partly.
func kept(text string) bool {
	verb, _, _ := strings.Cut(text, " ")
	switch verb {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "SAVEPOINT", "RELEASE":
		return true
	}
	return false
}

// preparer is a pool of connections, or one of them.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// prepare compiles what has come again. The caller holds no connection of the
// pool where it is one: it would wait for itself.
func (s *statements) prepare(ctx context.Context, on preparer) {
	if s == nil {
		return
	}
	s.mu.Lock()
	wanted := s.wanted
	s.wanted = nil
	s.mu.Unlock()
	for _, text := range wanted {
		if s.has(text) {
			continue // it was forgotten that it came often, and then it did again
		}
		stmt, err := on.PrepareContext(ctx, text) //nolint:sqlclosecheck // it is closed with the connections
		if err != nil {
			continue // whoever runs it hears why
		}
		s.mu.Lock()
		s.ready[text] = stmt
		s.mu.Unlock()
	}
}
