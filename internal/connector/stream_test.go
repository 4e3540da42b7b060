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
	"postern/internal/project"
	"postern/internal/safehttp"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// did records events of a project, one for each action.
func (f *fixture) did(t *testing.T, actions ...string) {
	t.Helper()
	for _, action := range actions {
		e := tester.Event(action, audit.Done)
		e.Project, e.Remote, e.Details = f.cfg.Project, "203.0.113.9", map[string]any{"user": "U1", "tenant": "hill"}
		if err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return audit.Record(tx, e) }); err != nil {
			t.Fatal(err)
		}
	}
}

// stream sends what is due, later than now by so much.
func (f *fixture) stream(t *testing.T, later time.Duration) (streams int) {
	t.Helper()
	n, err := f.StreamOnce(t.Context(), func() time.Time { return time.Now().Add(later) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// actions are those of all posts that a webhook got, in their order.
func (w *web) actions(t *testing.T) (out []string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, got := range w.seen {
		var list []struct{ Action string }
		if err := json.Unmarshal([]byte(got.body), &list, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatalf("%v: %s", err, got.body)
		}
		for _, e := range list {
			out = append(out, e.Action)
		}
	}
	return out
}

func (w *web) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = nil
}

func hook(w *web, more string) conn {
	return conn{"audit-webhook", fmt.Sprintf(`{"baseUrl":%q%s}`, w.URL+"/in", more)}
}

// What the receiver of a webhook gets, from the import on that made it one.
func TestWebhooksGetTheAudit(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		w := newWeb(t, nil)
		f := setup(t, db, "", hook(w, `,"authentication":{"method":"apiKey","apiKey":{"key":"X-Key","token":"token-one"}},"hmacSecret":"hmac-one",
			"headers":[{"key":"X-Open","value":"open"},{"key":"X-Shut","value":"shut-one","secret":true},{"key":"X-Shut","value":"shut-two","secret":true}]`))
		f.did(t, "user.create")
		f.stream(t, 0)
		got := w.last(t, 1)
		want := map[string]string{"X-Key": "token-one", "X-Open": "open", "X-Shut": "shut-two", "Content-Type": "application/json", "X-Descope-Webhook-S256": sign("hmac-one", []byte(got.body))}
		for name, value := range want {
			if got.Header.Get(name) != value {
				t.Errorf("%s is %q, want %q", name, got.Header.Get(name), value)
			}
		}
		var list []map[string]any
		if err := json.Unmarshal([]byte(got.body), &list); err != nil || len(list) != 2 || got.URL.Path != "/in" || got.Method != http.MethodPost {
			t.Fatalf("%s %s: %s, %v", got.Method, got.URL, got.body, err)
		}
		if list[0]["action"] != "project.import" {
			t.Errorf("the first is %v", list[0])
		}
		e := list[1]
		at := time.UnixMilli(int64(e["occurred"].(float64)))
		if e["occurred_formatted"] != at.UTC().Format("2006-01-02T15:04:05.000Z") || !strings.HasPrefix(e["id"].(string), "A") {
			t.Errorf("the event is %v", e)
		}
		for _, name := range []string{"id", "occurred", "occurred_formatted"} {
			delete(e, name)
		}
		if diff := cmp.Diff(map[string]any{
			"projectId": f.cfg.Project, "action": "user.create", "type": "info", "actorId": tester.Actor, "userId": "U1", "remoteAddress": "203.0.113.9",
			"device": "", "method": "", "geo": "", "externalIds": []any{}, "tenants": []any{"hill"},
			"data": map[string]any{"outcome": "done", "user": "U1", "tenant": "hill"},
		}, e); diff != "" {
			t.Errorf("the event (-want +got):\n%s", diff)
		}
		if n := f.stream(t, 0); n != 0 {
			t.Errorf("%d streams are due, and nothing waits", n)
		}
		w.last(t, 1)
		if n := f.Streamed.Delivered.Load(); n != 2 {
			t.Errorf("%d records are counted", n)
		}
	})
}

// A receiver that does not work gets each record again until it does, in their order,
// later each time, and fewer at once.
func TestWebhooksAreTriedAgain(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		var mu sync.Mutex
		status := http.StatusInternalServerError
		w := newWeb(t, func(seen) (int, string) {
			mu.Lock()
			defer mu.Unlock()
			return status, "swordfish is what I was told"
		})
		f := setup(t, db, "", hook(w, `,"authentication":{"method":"bearerToken","bearerToken":"swordfish"}`))
		want := []string{"project.import"}
		for i := range 120 {
			want = append(want, fmt.Sprintf("user.%03d", i))
		}
		f.did(t, want[1:]...)
		f.stream(t, 0)
		if got := w.actions(t); len(got) != mostRecords {
			t.Fatalf("the first post has %d records", len(got))
		}
		w.forget()
		if n := f.stream(t, time.Second); n != 0 {
			t.Error("it is tried again at once")
		}
		if n := f.stream(t, firstPause); n != 1 || len(w.actions(t)) != mostRecords/2 {
			t.Errorf("%d streams are due, with %d records", n, len(w.actions(t)))
		}
		if n := f.stream(t, 2*firstPause); n != 0 {
			t.Error("the second pause is as short as the first")
		}
		if waiting, failing := f.Streamed.Waiting.Load(), f.Streamed.FailingStreams.Load(); waiting != 121 || failing != 1 {
			t.Errorf("%d records wait, %d streams fail", waiting, failing)
		}
		var behind []audit.Stream
		err := db.Read(t.Context(), func(_ context.Context, tx *store.Tx) (err error) { behind, err = audit.Behind(tx); return err })
		if err != nil || len(behind) != 1 || behind[0].Failures != 2 || behind[0].Problem != "the service answered 500" || behind[0].Behind != 121 {
			t.Errorf("behind are %+v, %v", behind, err)
		}
		if text := f.logs.String(); !strings.Contains(text, "audit not taken") || strings.Contains(text, "swordfish") {
			t.Errorf("the log: %s", text)
		}
		mu.Lock()
		status = http.StatusNoContent
		mu.Unlock()
		w.forget()
		f.stream(t, time.Hour)
		if diff := cmp.Diff(want, w.actions(t)); diff != "" {
			t.Errorf("what came (-want +got):\n%s", diff)
		}
		if delivered, failed := f.Streamed.Delivered.Load(), f.Streamed.FailedPosts.Load(); delivered != 121 || failed != 2 {
			t.Errorf("%d delivered, %d posts failed", delivered, failed)
		}
	})
}

// again is another process on the same database, with the same keys.
func (f *fixture) again(db *store.DB) *fixture {
	g := *f
	g.Service = &Service{DB: db, Projects: &project.Service{DB: db, Master: f.Projects.Master, Log: f.Log}, HTTP: f.HTTP, Log: f.Log}
	return &g
}

// A process that stops while a receiver has not answered leaves the records to the next
// one, which sends them again; one that dies does so after a while.
func TestWebhooksOutliveAProcess(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		ctx, stop := context.WithCancel(t.Context())
		w := newWeb(t, func(seen) (int, string) { stop(); return http.StatusOK, "" })
		f := setup(t, testkit.Open(t, url), "", hook(w, ""))
		f.did(t, "user.a")
		if _, err := f.StreamOnce(ctx, time.Now); err != nil {
			t.Fatal(err)
		}
		w.last(t, 1)
		f.did(t, "user.b")
		next := f.again(testkit.Open(t, url))
		next.stream(t, 0)
		got := w.actions(t)
		if last := got[len(got)-1]; last != "user.b" || !slices.Contains(got, "user.a") || strings.Contains(f.logs.String(), "audit not taken") {
			t.Errorf("what came: %v\n%s", got, f.logs)
		}
		w.forget()

		f.did(t, "user.c")
		due, err := audit.Due(t.Context(), f.DB, time.Now(), 10)
		if err != nil || len(due) != 1 {
			t.Fatalf("%v, %v", due, err)
		}
		if ok, err := due[0].Hold(t.Context(), f.DB, "one that dies", time.Now(), time.Now().Add(heldFor)); err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
		if n := next.stream(t, heldFor-time.Second); n != 0 || len(w.actions(t)) > 0 {
			t.Errorf("%d streams, %v: it is held", n, w.actions(t))
		}
		next.stream(t, heldFor+time.Second)
		if diff := cmp.Diff([]string{"user.c"}, w.actions(t)); diff != "" {
			t.Errorf("what came (-want +got):\n%s", diff)
		}
		if moved, err := due[0].Took(t.Context(), f.DB, "one that dies", audit.Place{Number: due[0].Number + 1}, time.Now()); err != nil || moved {
			t.Errorf("the one that was taken for dead moves the stream: %v", err)
		}
	})
}

// Several processes send each record once.
func TestProcessesShareTheStreams(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		a, b := newWeb(t, nil), newWeb(t, nil)
		f := setup(t, testkit.Open(t, url), "", hook(a, ""), hook(b, ""))
		want := []string{"project.import"}
		for i := range 250 {
			want = append(want, fmt.Sprintf("user.%03d", i))
		}
		f.did(t, want[1:]...)
		var work sync.WaitGroup
		for range 3 {
			one := f.again(f.DB)
			work.Go(func() {
				for range 3 {
					if _, err := one.StreamOnce(t.Context(), time.Now); err != nil {
						t.Error(err)
					}
				}
			})
		}
		work.Wait()
		f.stream(t, 0)
		for name, w := range map[string]*web{"a": a, "b": b} {
			if diff := cmp.Diff(want, w.actions(t)); diff != "" {
				t.Errorf("what %s got (-want +got):\n%s", name, diff)
			}
		}
	})
}

// The stream obeys the configuration: one that is gone or switched off gets nothing
// more, and one that comes anew begins with what comes then.
func TestStreamsObeyTheConfiguration(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		w := newWeb(t, nil)
		f := setup(t, db, "", hook(w, ""))
		load := func(connectors string, file string) {
			t.Helper()
			up := &snapshot.Upload{Files: snapshot.Files{"snapshot.json": []byte(`{"version":5}`), "connectors/connectors.json": []byte(connectors)}, SameIDs: true}
			if file != "" {
				up.Files["connectors/c1.json"] = []byte(file)
			}
			if _, err := f.Projects.Import(t.Context(), tester, project.Import{Project: f.cfg.Project, Upload: up}); err != nil {
				t.Fatal(err)
			}
		}
		f.did(t, "user.before")
		load(`{"connectors":[]}`, "")
		f.did(t, "user.without")
		f.stream(t, 0)
		if got := w.actions(t); len(got) > 0 {
			t.Errorf("a connector that is gone gets %v", got)
		}
		load(`{"connectors":["c1"]}`, fmt.Sprintf(`{"id":"CI1","name":"Gate 1","type":"audit-webhook","configuration":{"baseUrl":%q,"auditFilters":[
			{"key":"actions","operator":"includes","values":["UserCreated","user.delete"]},{"key":"tenants","operator":"excludes","values":["dale"]}]}}`, w.URL))
		f.did(t, "user.create", "user.update", "user.delete")
		f.stream(t, 0)
		if diff := cmp.Diff([]string{"user.create", "user.delete"}, w.actions(t)); diff != "" {
			t.Errorf("what passed the filters (-want +got):\n%s", diff)
		}
		if n := f.stream(t, 0); n != 0 {
			t.Error("what was kept out waits")
		}
		w.forget()
		load(`{"connectors":["c1"]}`, fmt.Sprintf(`{"id":"CI1","name":"Gate 1","type":"audit-webhook","disabled":true,"configuration":{"baseUrl":%q}}`, w.URL))
		f.did(t, "user.create")
		f.stream(t, 0)
		if got := w.actions(t); len(got) > 0 {
			t.Errorf("a connector that is switched off gets %v", got)
		}
		load(`{"connectors":["c1"]}`, fmt.Sprintf(`{"id":"CI1","name":"Gate 1","type":"audit-webhook","configuration":{"baseUrl":%q,"auditFilters":[{"key":"tenants","operator":"includes","values":["hill"]}]}}`, w.URL))
		p, err := f.Projects.Clone(t.Context(), tester, f.cfg.Project, project.New{Name: "Copy"})
		if err != nil {
			t.Fatal(err)
		}
		copied := *f
		cfg := *f.cfg
		cfg.Project, copied.cfg = p.ID, &cfg
		copied.did(t, "user.copied")
		f.stream(t, 0)
		if diff := cmp.Diff([]string{"user.copied"}, w.actions(t)); diff != "" {
			t.Errorf("what the copy sends (-want +got):\n%s", diff)
		}
	})
}

// A receiver that is gone for good is not told of everything when it comes back, and
// the audit says what it was not told.
func TestStreamsGiveUp(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		status := http.StatusBadGateway
		w := newWeb(t, func(seen) (int, string) { return status, "" })
		f := setup(t, db, "", hook(w, ""))
		f.did(t, "user.a", "user.b")
		f.stream(t, 0)
		f.stream(t, givenUpAfter-time.Hour)
		if n := f.Streamed.Dropped.Load(); n != 0 {
			t.Fatalf("%d records are given up too early", n)
		}
		f.stream(t, givenUpAfter+time.Hour)
		if n := f.Streamed.Dropped.Load(); n != 3 {
			t.Errorf("%d records are given up", n)
		}
		status = http.StatusOK
		w.forget()
		f.stream(t, givenUpAfter+2*time.Hour)
		var list []map[string]any
		if err := json.Unmarshal([]byte(w.last(t, 1).body), &list); err != nil || len(list) != 1 || list[0]["action"] != "audit.stream.drop" {
			t.Fatalf("it is told %v, %v", list, err)
		}
		if diff := cmp.Diff(map[string]any{"outcome": "failed", "connector": "CI1", "from": 2.0, "to": 4.0}, list[0]["data"]); diff != "" {
			t.Errorf("what the audit says (-want +got):\n%s", diff)
		}
	})
}

// Nothing goes to an address that the server may not reach, nor where a certificate is
// not what it must be, unless the connector says so.
func TestStreamsGoWhereTheyMay(t *testing.T) {
	t.Parallel()
	w := newWeb(t, nil)
	f := one(t, hook(w, ""))
	f.allow(t, safehttp.Options{Timeout: time.Second})
	f.did(t, "user.a")
	f.stream(t, 0)
	if got := w.actions(t); len(got) > 0 || f.Streamed.FailedPosts.Load() != 1 {
		t.Errorf("a private address gets %v", got)
	}
	for insecure, want := range map[bool]uint64{false: 0, true: 2} {
		tls := newTLSWeb(t)
		g := one(t, conn{"audit-webhook", fmt.Sprintf(`{"baseUrl":%q,"insecure":%v}`, tls.URL, insecure)})
		g.HTTP = withoutRoots(t)
		g.did(t, "user.a")
		g.stream(t, 0)
		if got := g.Streamed.Delivered.Load(); got != want {
			t.Errorf("insecure %v: %d delivered", insecure, got)
		}
	}
}

// Every type gets the form that its provider publishes.
func TestSinks(t *testing.T) {
	t.Parallel()
	for typ, c := range map[string]struct {
		configuration, path string
		header              map[string]string
		has                 []string
	}{
		"datadog": {
			`{"apiKey":"key-one","site":"datadoghq.eu","source":"shop","tags":"env:x","auditEnabled":true}`, "/api/v2/logs",
			map[string]string{"Dd-Api-Key": "key-one"},
			[]string{`"ddsource":"shop"`, `"ddtags":"env:x"`, `"message":"user.create"`, `"status":"info"`},
		},
		"newrelic":  {`{"apiKey":"key-one","dataCenter":"EU","overrideLogsPrefix":true,"logsPrefix":"shop."}`, "/log/v1", map[string]string{"Api-Key": "key-one"}, []string{`"logs":[{`, `"shop.audit":{`}},
		"coralogix": {`{"endpoint":"%s","bearerToken":"key-one"}`, "/logs/v1/singles", map[string]string{"Authorization": "Bearer key-one"}, []string{`"severity":3`, `"applicationName":"postern"`}},
		"cribl":     {`{"endpoint":"%s/mine","authToken":"key-one","source":"shop"}`, "/mine", map[string]string{"Authorization": "key-one"}, []string{`"source":"shop"`, `"_raw":"{`, "}\n{"}},
		"splunk":    {`{"hecUrl":"%s","hecToken":"key-one","index":"main"}`, "/services/collector/event", map[string]string{"Authorization": "Splunk key-one"}, []string{`"index":"main"`, `"event":{`, "}\n{"}},
		"sumologic": {`{"httpSourceUrl":"%s/receiver/v1/http/key-one"}`, "/receiver/v1/http/key-one", nil, []string{"}\n{"}},
		"opentelemetry": {
			`{"endpoint":"%s","authentication":{"method":"basic","basic":{"username":"u","password":"key-one"}},"headers":[{"key":"X-Shut","value":"shut","secret":true}]}`,
			"/v1/logs",
			map[string]string{"Authorization": basic("u", "key-one"), "X-Shut": "shut"},
			[]string{`"resourceLogs":[`, `"severityText":"INFO"`},
		},
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, nil)
			f := one(t, conn{typ, strings.ReplaceAll(c.configuration, "%s", w.URL)})
			f.Bases = map[string]string{typ: w.URL}
			f.did(t, "user.create")
			f.stream(t, 0)
			got := w.last(t, 1)
			if got.URL.Path != c.path {
				t.Errorf("it is sent to %s", got.URL.Path)
			}
			for name, value := range c.header {
				if got.Header.Get(name) != value {
					t.Errorf("%s is %q, want %q", name, got.Header.Get(name), value)
				}
			}
			for _, part := range append(c.has, "user.create", "project.import", "203.0.113.9") {
				if !strings.Contains(got.body, part) {
					t.Errorf("the body lacks %s: %s", part, got.body)
				}
			}
		})
	}
	if len(sinks()) != 8 {
		t.Error("a type is not in the table of this test")
	}
}

// A connector that must not know who somebody is gets neither addresses nor numbers.
func TestStreamsMask(t *testing.T) {
	t.Parallel()
	w := newWeb(t, nil)
	f := one(t, conn{"datadog", `{"apiKey":"k","maskPII":true}`})
	f.Bases = map[string]string{"datadog": w.URL}
	e := tester.Event("user.create", audit.Done)
	e.Project, e.Remote, e.Details = f.cfg.Project, "203.0.113.9", map[string]any{"mail": "ada@people.example", "more": map[string]any{"phones": []any{"+12025550143", 7}}}
	if err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return audit.Record(tx, e) }); err != nil {
		t.Fatal(err)
	}
	f.stream(t, 0)
	body := w.last(t, 1).body
	for _, secret := range []string{"203.0.113.9", "ada@", "people", "2025550143"} {
		if strings.Contains(body, secret) {
			t.Errorf("%s is in %s", secret, body)
		}
	}
	if !strings.Contains(body, tester.Actor) {
		t.Errorf("the id of who did it is not in %s", body)
	}
}

// A credential that cannot be opened is a failure, and no post without it.
func TestStreamsNeedTheirCredentials(t *testing.T) {
	t.Parallel()
	w := newWeb(t, nil)
	f := one(t, hook(w, `,"hmacSecret":"hush"`))
	other, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	g := f.again(f.DB)
	g.Projects.Master = other
	g.did(t, "user.a")
	g.stream(t, 0)
	if got := w.actions(t); len(got) > 0 || g.Streamed.FailedPosts.Load() != 1 {
		t.Errorf("without its secret it gets %v", got)
	}
}
