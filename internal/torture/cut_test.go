package torture

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
)

// A wire stands between the program and PostgreSQL. It counts the messages that
// the program sends, and cuts the connection at any of them.
type wire struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	count int  // messages since the wire was armed
	at    int  // the message to cut at; 0 for none
	late  bool // the server still gets that message, and its answer is lost
	did   bool
}

// newWire listens for connections to a database, and returns the URL to use.
func newWire(t *testing.T, database string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, server: u.Host}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(client)
		}
	}()
	u.Host = l.Addr().String()
	return w, u.String()
}

func (w *wire) arm(at int, late bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count, w.at, w.late, w.did = 0, at, late, false
}

func (w *wire) cut() (count int, did bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count, w.did
}

// carry carries one connection until it ends or is cut.
func (w *wire) carry(client net.Conn) {
	defer client.Close()
	server, err := (&net.Dialer{}).Dial("tcp", w.server)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(client, server)
		client.Close()
	}()
	for first := true; ; first = false {
		message, err := readMessage(client, first)
		if err != nil {
			return
		}
		cut, late := w.judge()
		if cut && !late {
			return
		}
		if cut {
			client.Close() // before the server can answer
		}
		if _, err := server.Write(message); err != nil || cut {
			return
		}
	}
}

func (w *wire) judge() (cut, late bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	if w.at == 0 || w.count != w.at {
		return false, false
	}
	w.did = true
	return true, w.late
}

// readMessage reads one message of the frontend. The first one has no type.
func readMessage(from io.Reader, first bool) ([]byte, error) {
	head := make([]byte, 5)
	if first {
		head = head[:4]
	}
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(head[len(head)-4:])
	if length < 4 || length > 1<<30 {
		return nil, io.ErrUnexpectedEOF
	}
	body := make([]byte, length-4)
	_, err := io.ReadFull(from, body)
	return append(head, body...), err
}

// The connection to PostgreSQL may be cut at any message of an import, before it
// reaches the server or before its answer comes. The answer to the import is
// never wrong; where it is that the outcome is unknown, the next request finds
// out, and what it finds stays.
func TestConnectionIsCut(t *testing.T) {
	t.Parallel()
	database := testkit.Postgres(t)
	w, through := newWire(t, database)
	db, err := store.Open(t.Context(), through, store.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{notes: 3}
	o := &broken{bed: &bed{master: master, old: v.next(0), new: v.next(4)}, Service: &project.Service{DB: db, Master: master}}
	p, err := o.Create(t.Context(), tester, project.New{Name: "Test"})
	if err != nil {
		t.Fatal(err)
	}
	o.project = p.ID
	if answer, err := o.apply(t, o.old); answer != done {
		t.Fatal(err)
	}
	states := map[string]*wanted{isOld: o.old, isNew: o.new}
	count := tally{}
	is := isOld
	for _, late := range []bool{false, true} {
		for n := 1; ; n++ {
			target := isNew
			if is == isNew {
				target = isOld
			}
			w.arm(n, late)
			answer, failure := o.apply(t, states[target])
			sent, cut := w.cut()
			w.arm(0, false)
			next := o.find(t)
			if answer == done && next != target || answer == notApplied && next != is {
				t.Errorf("cut at message %d, late %v: the answer is %s (%v), and the next request finds the %s revision", n, late, answer, failure, next)
			}
			quiet(t, database)
			if later := o.find(t); later != next {
				t.Errorf("cut at message %d, late %v: the answer is %s, the next request finds the %s revision, and a later one the %s one", n, late, answer, next, later)
			}
			is = next
			if !cut {
				t.Logf("an import sends %d messages", sent)
				break
			}
			count[answer]++
		}
	}
	t.Logf("cut at each message, before it and after it: %v", count)
	if count[unknown] == 0 || count[notApplied] == 0 {
		t.Error("no cut came at an interesting moment")
	}
}

// quiet waits until no session of a database does anything.
func quiet(t *testing.T, database string) {
	t.Helper()
	db, _ := connect(t, database)
	defer db.Close()
	for busy := 1; busy > 0; {
		err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state NOT LIKE 'idle%'`).Scan(&busy)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// find asks until the database answers: the pool may have more connections that
// were cut than one.
func (o *broken) find(t *testing.T) string {
	t.Helper()
	var err error
	for range 5 {
		var found string
		if found, err = o.state(t); err == nil {
			return found
		}
	}
	t.Fatal(err)
	return ""
}
