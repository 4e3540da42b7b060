package connector

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

// people are those who sign in to the project of the fixture, whose service sends what
// they do.
func (f *fixture) people() *signin.Project {
	f.People, f.LoginIDs = []audit.Source{session.Logins()}, (&user.Service{DB: f.DB}).LoginIDs
	return &signin.Project{
		ID: f.cfg.Project, DB: f.DB, Projects: f.Projects,
		Sessions: &session.Service{DB: f.DB, Projects: f.Projects, Keys: &key.Service{DB: f.DB, Projects: f.Projects}},
	}
}

// acted notes acts, as tx wants to be written.
func (f *fixture) acted(t *testing.T, actions ...string) {
	t.Helper()
	for _, action := range actions {
		if err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return audit.Note(tx, f.act(action)) }); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *fixture) act(action string) audit.Act {
	return audit.Act{
		Project: f.cfg.Project, LoginID: "ada@people.example", Action: action, Outcome: audit.Refused, Method: session.AMRPassword, Tenant: "hill",
		Reason: "P40131", Remote: "203.0.113.9", Agent: "Mozilla/5.0 (X11; Linux x86_64)", Request: "R1",
	}
}

// load imports connectors beside what the project has; one without a file is gone.
func (f *fixture) load(t *testing.T, list string, file string) {
	t.Helper()
	up := &snapshot.Upload{Files: snapshot.Files{"snapshot.json": []byte(`{"version":5}`), "connectors/connectors.json": []byte(list)}, SameIDs: true}
	if file != "" {
		up.Files["connectors/c1.json"] = []byte(file)
	}
	if _, err := f.Projects.Import(t.Context(), tester, project.Import{Project: f.cfg.Project, Upload: up}); err != nil {
		t.Fatal(err)
	}
}

// records are those of all posts that a webhook got, in their order.
func (w *web) records(t *testing.T) (out []map[string]any) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, got := range w.seen {
		var list []map[string]any
		if err := json.Unmarshal([]byte(got.body), &list); err != nil {
			t.Fatalf("%v: %s", err, got.body)
		}
		out = append(out, list...)
	}
	return out
}

// What people do goes out as a search of the audit shows it.
func TestActsGoOut(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		w := newWeb(t, nil)
		f := setup(t, db, "", hook(w, ""))
		p := f.people()
		ada := p.SignedIn(t, user.User{LoginIDs: []string{"ada@people.example"}})
		f.stream(t, 0)
		f.acted(t, audit.LoginFailed)
		f.stream(t, 0)
		if _, err := p.Sessions.Logout(t.Context(), p.Config(t), ada.Refresh, session.This, nil, session.Client{Address: "192.0.2.9"}); err != nil {
			t.Fatal(err)
		}
		f.stream(t, 0)
		byAction, order := map[string]map[string]any{}, []string{}
		for _, r := range w.records(t) {
			byAction[r["action"].(string)] = r
			order = append(order, r["action"].(string))
		}
		slices.Sort(order[:3]) // of one moment, and a sign-in is known to the second
		if diff := cmp.Diff([]string{session.LoggedIn, audit.SignedUp, "project.import", audit.LoginFailed, audit.LoggedOut}, order); diff != "" {
			t.Fatalf("what came (-want +got):\n%s", diff)
		}
		id := p.Find(t, "ada@people.example").ID
		for action, want := range map[string]map[string]any{
			session.LoggedIn: {"type": "info", "method": "email", "device": "Unknown", "remoteAddress": "", "tenants": []any{}, "data": map[string]any{"outcome": "done"}},
			audit.LoginFailed: {
				"type": "warn", "method": "password", "device": "Desktop", "remoteAddress": "203.0.113.9", "tenants": []any{"hill"},
				"data": map[string]any{"outcome": "refused", "code": "P40131", "requestId": "R1"},
			},
			audit.LoggedOut: {"type": "info", "method": "", "device": "", "remoteAddress": "192.0.2.9", "tenants": []any{}, "data": map[string]any{"outcome": "done"}},
		} {
			got := byAction[action]
			for _, name := range []string{"id", "occurred", "occurred_formatted"} {
				delete(got, name)
			}
			want["action"], want["projectId"], want["userId"], want["actorId"], want["geo"], want["externalIds"] = action, f.cfg.Project, id, id, "", []any{"ada@people.example"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", action, diff)
			}
		}
		if n := f.stream(t, 0); n != 0 {
			t.Errorf("%d streams are due, and nothing waits", n)
		}
	})
}

// Filters and masks are about acts as about all else.
func TestActsPassFilters(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		failures, hills, masked := newWeb(t, nil), newWeb(t, nil), newWeb(t, nil)
		f := setup(t, db, "",
			hook(failures, `,"auditFilters":[{"key":"actions","operator":"includes","values":["LoginFailed","UserCreated"]}]`),
			hook(hills, `,"auditFilters":[{"key":"tenants","operator":"includes","values":["hill"]},{"key":"actions","operator":"excludes","values":["Logout"]}]`),
			conn{"datadog", `{"apiKey":"k","maskPII":true}`})
		f.Bases = map[string]string{"datadog": masked.URL}
		f.people().SignedIn(t, user.User{LoginIDs: []string{"ada@people.example"}})
		f.acted(t, audit.LoginFailed)
		f.stream(t, 0)
		f.acted(t, audit.LoggedOut)
		f.stream(t, 0)
		got := failures.actions(t)
		if slices.Sort(got); !slices.Equal(got, []string{audit.LoginFailed, audit.SignedUp}) {
			t.Errorf("by their actions %v came", got)
		}
		if got := hills.actions(t); !slices.Equal(got, []string{audit.LoginFailed}) {
			t.Errorf("by their tenant %v came", got)
		}
		body := masked.last(t, 2).body
		if !strings.Contains(body, audit.LoggedOut) || strings.Contains(body, "people") || strings.Contains(body, "203.0.113.9") {
			t.Errorf("masked it is %s", body)
		}
		if n := f.stream(t, 0); n != 0 {
			t.Error("what was kept out waits")
		}
	})
}

// What commits after others whose times and numbers are later goes out all the same.
func TestActsThatCommitLate(t *testing.T) {
	t.Parallel()
	w := newWeb(t, nil)
	f := setup(t, testkit.Open(t, testkit.Postgres(t)), "", hook(w, ""))
	f.people()
	f.acted(t, "first")
	f.stream(t, 0)
	w.forget()
	written, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	var once sync.Once
	go func() {
		done <- f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			err := audit.Note(tx, f.act("late"))
			once.Do(func() { close(written) })
			<-release
			return err
		})
	}()
	<-written
	f.acted(t, "second")
	f.stream(t, 0)
	f.acted(t, "third")
	f.stream(t, 0)
	if got := w.actions(t); !slices.Equal(got, []string{"second", "third"}) {
		t.Errorf("before it %v came", got)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	f.stream(t, 0)
	if got := w.actions(t); !slices.Equal(got, []string{"second", "third", "late"}) {
		t.Errorf("with it %v came", got)
	}
}

// While people act, and several processes send, each act comes once; what a process may
// not have noted that it sent comes again.
func TestActsComeFromManyToMany(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		const people, each = 4, 60
		ctx, stop := context.WithCancel(t.Context())
		var first sync.Once
		w := newWeb(t, func(seen) (int, string) { first.Do(stop); return http.StatusOK, "" })
		f := setup(t, testkit.Open(t, url), "", hook(w, ""))
		f.people()
		f.acted(t, "act 9.0")
		if _, err := f.StreamOnce(ctx, time.Now); err != nil { // this one dies with the first answer
			t.Fatal(err)
		}
		w.last(t, 1)
		var acting, sending sync.WaitGroup
		for n := range people {
			acting.Go(func() {
				for i := range each {
					if err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
						return audit.Note(tx, f.act(fmt.Sprintf("act %d.%d", n, i)))
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		ended := make(chan struct{})
		for range 2 {
			one := f.again(testkit.Open(t, url))
			sending.Go(func() {
				for last := false; !last; {
					select {
					case <-ended:
						last = true
					default:
					}
					if _, err := one.StreamOnce(t.Context(), time.Now); err != nil {
						t.Error(err)
					}
				}
			})
		}
		acting.Wait()
		close(ended)
		sending.Wait()
		f.stream(t, 0)
		times, ids := map[string]int{}, map[string]bool{}
		for _, r := range w.records(t) {
			times[r["action"].(string)]++
			ids[r["id"].(string)] = true
		}
		if len(ids) != people*each+2 { // and the import
			t.Errorf("%d records came", len(ids))
		}
		for n := range people {
			for i := range each {
				if at := fmt.Sprintf("act %d.%d", n, i); times[at] != 1 {
					t.Errorf("%s came %d times", at, times[at])
				}
			}
		}
		if n := times["act 9.0"]; n != 1 && n != 2 { // by whether it heard the answer
			t.Errorf("what the first process sent came %d times", n)
		}
	})
}

// A connector gets what people do while it is there, and of users who are.
func TestActsFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		w := newWeb(t, nil)
		f := setup(t, db, "")
		p := f.people()
		p.SignedIn(t, user.User{LoginIDs: []string{"before@people.example"}})
		f.stream(t, 0)
		desk := fmt.Sprintf(`{"id":"CI1","name":"Gate 1","type":"audit-webhook","configuration":{"baseUrl":%q}}`, w.URL)
		f.load(t, `{"connectors":["c1"]}`, desk)
		f.acted(t, "with it")
		f.load(t, `{"connectors":[]}`, "") // before anybody looked
		f.acted(t, "without it")
		f.stream(t, 0)
		f.load(t, `{"connectors":["c1"]}`, desk)
		f.acted(t, "again")
		f.stream(t, 0)
		if diff := cmp.Diff([]string{"project.import", "again"}, w.actions(t)); diff != "" {
			t.Errorf("what came (-want +got):\n%s", diff)
		}
		w.forget()
		p.SignedIn(t, user.User{LoginIDs: []string{"gone@people.example"}})
		if err := audit.Number(t.Context(), db, f.People...); err != nil {
			t.Fatal(err)
		}
		if _, err := (&user.Service{DB: db}).Remove(t.Context(), tester, f.cfg.Project, user.Who{LoginID: "gone@people.example"}); err != nil {
			t.Fatal(err)
		}
		f.stream(t, 0)
		if diff := cmp.Diff([]string{"user.delete"}, w.actions(t)); diff != "" {
			t.Errorf("of somebody who was deleted there came (-want +got):\n%s", diff)
		}
		if n := f.stream(t, 0); n != 0 {
			t.Error("what is gone waits")
		}
		if waiting := f.Streamed.Waiting.Load(); waiting != 0 {
			t.Errorf("%d records wait", waiting)
		}
	})
}

// Acts that wait are spared when others give way, four times as many as may be; and they
// are given up like all else, with what was before them.
func TestActsThatWait(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		status := http.StatusBadGateway
		w := newWeb(t, func(seen) (int, string) { return status, "" })
		f := setup(t, db, "", hook(w, ""))
		f.people()
		const most = 5
		forgotten := 0
		room := audit.Bounded(db, most, func(n int) { forgotten += n })
		add := func(n int) (left int) {
			t.Helper()
			for range n {
				f.acted(t, audit.LoginFailed)
			}
			if err := room.Added(t.Context(), f.cfg.Project, n); err != nil {
				t.Fatal(err)
			}
			_, left, err := audit.Find(t.Context(), db, audit.Search{Project: f.cfg.Project, People: true, Actions: []string{audit.LoginFailed}})
			if err != nil {
				t.Fatal(err)
			}
			return left
		}
		if left := add(3 * most); left != 3*most {
			t.Errorf("of those without a number %d are left", left)
		}
		if waiting, _, err := audit.Backlog(t.Context(), db, f.People...); err != nil || waiting != 1+3*most {
			t.Errorf("with those without a number %d wait, %v", waiting, err)
		}
		f.stream(t, 0)
		if left := add(1); left != 3*most+1 {
			t.Errorf("of those that wait %d are left", left)
		}
		if left := add(2 * most); left != 4*most {
			t.Errorf("of too many %d are left", left)
		}
		if forgotten != most+1 {
			t.Errorf("%d are told to be forgotten", forgotten)
		}
		f.stream(t, givenUpAfter-time.Hour)
		if n := f.Streamed.Dropped.Load(); n != 0 {
			t.Fatalf("%d records are given up too early", n)
		}
		f.stream(t, givenUpAfter+time.Hour)
		if n := f.Streamed.Dropped.Load(); n != 1+4*most {
			t.Errorf("%d records are given up", n)
		}
		if left := add(1); left != most {
			t.Errorf("of those that are given up %d are left", left)
		}
		status = http.StatusOK
		w.forget()
		f.stream(t, givenUpAfter+2*time.Hour)
		list := w.records(t)
		if len(list) != 2 || list[0]["action"] != "audit.stream.drop" || list[1]["action"] != audit.LoginFailed {
			t.Fatalf("it is told %v", list)
		}
		data := list[0]["data"].(map[string]any)
		if _, err := time.Parse(time.RFC3339, data["before"].(string)); err != nil {
			t.Error(err)
		}
		delete(data, "before")
		if diff := cmp.Diff(map[string]any{"outcome": "failed", "connector": "CI1", "from": 2.0, "to": 2.0, "acts": 4.0 * most}, data); diff != "" {
			t.Errorf("what the audit says (-want +got):\n%s", diff)
		}
	})
}
