package torture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"postern/internal/fault"
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
	ends  []net.Conn // those of the program
	count int        // messages since the wire was armed
	at    func(n int, message []byte) bool
	how   cut
	did   bool
}

// A cut is what becomes of a message.
type cut string

const (
	early cut = "it does not reach the server"
	late  cut = "the server gets it, and its answer is lost"
	full  cut = "the server's disk is full, and it says so"
)

func never(int, []byte) bool { return false }

// the returns what is true of the n-th message.
func the(n int) func(int, []byte) bool { return func(i int, _ []byte) bool { return i == n } }

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
	w := &wire{listener: l, server: u.Host, at: never}
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

// arm cuts at the first message that at is true of.
func (w *wire) arm(at func(n int, message []byte) bool, how cut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count, w.at, w.how, w.did = 0, at, how, false
}

func (w *wire) cut() (count int, did bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count, w.did
}

// drop cuts every connection, whatever goes on behind it.
func (w *wire) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.ends {
		c.Close()
	}
}

// carry carries one connection until it ends or is cut.
func (w *wire) carry(client net.Conn) {
	defer client.Close()
	w.mu.Lock()
	w.ends = append(w.ends, client)
	w.mu.Unlock()
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
		if first && bytes.Equal(message[4:8], cancels) {
			return // where the network broke, this does not arrive either
		}
		how := w.judge(message)
		switch how {
		case early:
			return
		case late:
			client.Close() // before the server can answer
		case full:
			if message, err = instead(client, message); err != nil {
				return
			}
		}
		if _, err := server.Write(message); err != nil || how == late {
			return
		}
	}
}

// judge says what becomes of a message; nothing, most of the time.
func (w *wire) judge(message []byte) cut {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	if w.did || !w.at(w.count, message) {
		return ""
	}
	w.did = true
	return w.how
}

// cancels is how a message begins, after its length, with which a client asks
// over another connection that a statement be broken off.
var cancels = binary.BigEndian.AppendUint32(nil, 80877102)

// instead reads on to where the server answers, and returns a request that it
// answers as it does when its disk is full.
func instead(client io.Reader, message []byte) (_ []byte, err error) {
	for message[0] != 'Q' && message[0] != 'S' {
		if message, err = readMessage(client, false); err != nil {
			return nil, err
		}
	}
	text := "DO $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$\x00"
	return append(binary.BigEndian.AppendUint32([]byte{'Q'}, uint32(len(text)+4)), text...), nil
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

// wired makes a project of one revision on PostgreSQL, behind a wire.
func wired(t *testing.T) (*broken, *wire, string) {
	t.Helper()
	database := testkit.Postgres(t)
	w, through := newWire(t, database)
	db, err := store.Open(t.Context(), through, store.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
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
	return o, w, database
}

// The connection to PostgreSQL may be cut at any message of an import, before it
// reaches the server or before its answer comes, or the server may be full. The
// answer to the import is never wrong; where it is that the outcome is unknown,
// the next request finds out, and what it finds stays.
func TestConnectionIsCut(t *testing.T) {
	t.Parallel()
	o, w, database := wired(t)
	states := map[string]*wanted{isOld: o.old, isNew: o.new}
	is := isOld
	for how, told := range map[cut]*fault.Error{early: store.ErrGone, late: store.ErrGone, full: store.ErrFull} {
		count := tally{}
		for n := 1; ; n++ {
			target := isNew
			if is == isNew {
				target = isOld
			}
			w.arm(the(n), how)
			answer, failure := o.apply(t, states[target])
			sent, cut := w.cut()
			w.arm(never, "")
			next := o.find(t)
			if answer == done && next != target || answer == notApplied && next != is {
				t.Errorf("message %d, %s: the answer is %s (%v), and the next request finds the %s revision", n, how, answer, failure, next)
			}
			if cut && answer == notApplied && fault.From(failure) != told {
				t.Errorf("message %d, %s: the caller is told %v, not %v", n, how, failure, told)
			}
			quiet(t, database)
			if later := o.find(t); later != next {
				t.Errorf("message %d, %s: the answer is %s, the next request finds the %s revision, and a later one the %s one", n, how, answer, next, later)
			}
			is = next
			if !cut {
				t.Logf("an import sends %d messages; %s: %v", sent, how, count)
				break
			}
			count[answer]++
		}
		if (count[unknown] == 0) == (how != full) || count[notApplied] == 0 {
			t.Errorf("%s: no cut came at an interesting moment", how)
		}
	}
}

// A commit goes on when its connection is gone. Whoever asks then waits, and
// hears what became of it.
func TestCommitGoesOnWithoutItsConnection(t *testing.T) {
	t.Parallel()
	o, w, database := wired(t)
	db, _ := connect(t, database)
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	execute := func(statement string) {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	execute(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$`)
	execute(`CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON revisions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()`)
	execute(`SELECT pg_advisory_lock(7)`)
	waits := func(lock string) (out bool) {
		err := conn.QueryRowContext(t.Context(), `SELECT count(*) > 0 FROM pg_locks WHERE locktype = $1 AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, lock).Scan(&out)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	answered := make(chan string, 1)
	go func() {
		answer, err := o.apply(t, o.new)
		answered <- fmt.Sprint(answer, " ", err)
	}()
	for !waits("advisory") {
		select {
		case answer := <-answered:
			t.Fatalf("before the commit waits, the answer is %s", answer)
		default:
		}
	}
	w.drop()
	if answer := <-answered; !strings.HasPrefix(answer, unknown) {
		t.Fatalf("the answer is %s", answer)
	}
	heard := make(chan string, 1)
	go func() {
		found, err := o.state(t)
		heard <- fmt.Sprint(found, err)
	}()
	for !waits("relation") {
		select {
		case found := <-heard:
			t.Fatalf("while the commit goes on, a request finds: %s", found)
		default:
		}
	}
	execute(`SELECT pg_advisory_unlock(7)`)
	if found := <-heard; found != fmt.Sprint(isNew, nil) {
		t.Errorf("after the commit a request finds: %s", found)
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
