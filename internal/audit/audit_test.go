package audit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/internal/audit"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
)

func record(t *testing.T, db *store.DB, e audit.Event) {
	t.Helper()
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return audit.Record(tx, e) })
	if err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, db *store.DB, project string, limit int) []audit.Event {
	t.Helper()
	events, _, err := audit.Find(t.Context(), db, audit.Search{Project: project, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestRecord(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		origin := audit.Origin{Actor: "K1", Remote: "192.0.2.7", Request: "R1"}
		full := origin.Event("project.import", audit.Done)
		full.Project = "P1"
		full.Details = map[string]any{"files": []any{"a", "b"}, "weakens": true, "note": "it’s <b>", "token": secret.New("hunter2")}
		before := time.Now().Truncate(time.Millisecond)
		record(t, db, full)
		after := time.Now()
		record(t, db, audit.Event{Actor: "cli", Action: "server.start", Outcome: audit.Failed})

		full.Details["token"] = "[redacted]"
		got := list(t, db, "P1", 10)
		ignore := cmpopts.IgnoreFields(audit.Event{}, "ID", "OccurredAt")
		if diff := cmp.Diff([]audit.Event{full}, got, ignore); diff != "" {
			t.Fatalf("events of P1 (-want +got):\n%s", diff)
		}
		if at := got[0].OccurredAt; at.Before(before) || at.After(after) {
			t.Errorf("OccurredAt = %v, want between %v and %v", at, before, after)
		}
		want := []audit.Event{{Actor: "cli", Action: "server.start", Outcome: audit.Failed, Details: map[string]any{}}}
		if diff := cmp.Diff(want, list(t, db, "", 10), ignore); diff != "" {
			t.Errorf("events of the server (-want +got):\n%s", diff)
		}
		if got := list(t, db, "P2", 10); len(got) != 0 {
			t.Errorf("another project sees %v", got)
		}
	})
}

func TestListNewestFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := testkit.Store(t)
		for _, action := range []string{"a", "b", "c"} {
			record(t, db, audit.Event{Project: "P1", Actor: "K1", Action: action, Outcome: audit.Done})
			time.Sleep(time.Millisecond) // of the bubble's clock
		}
		var got []string
		for _, e := range list(t, db, "P1", 2) {
			got = append(got, e.Action)
		}
		if diff := cmp.Diff([]string{"c", "b"}, got); diff != "" {
			t.Errorf("actions (-want +got):\n%s", diff)
		}
	})
}

func TestRecordRefusesIncompleteEvents(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	whole := audit.Event{Project: "P1", Actor: "K1", Action: "a", Outcome: audit.Done}
	for name, drop := range map[string]func(*audit.Event){
		"no actor":             func(e *audit.Event) { e.Actor = "" },
		"no action":            func(e *audit.Event) { e.Action = "" },
		"no outcome":           func(e *audit.Event) { e.Outcome = "" },
		"details without JSON": func(e *audit.Event) { e.Details = map[string]any{"f": func() {}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := whole
			drop(&e)
			err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return audit.Record(tx, e) })
			if err == nil {
				t.Error("it is recorded")
			}
		})
	}
}

func TestRecordGoesWithItsTransaction(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	boom := errors.New("boom")
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		if err := audit.Record(tx, audit.Event{Project: "P1", Actor: "K1", Action: "a", Outcome: audit.Done}); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("Write = %v", err)
	}
	if got := list(t, db, "P1", 10); len(got) != 0 {
		t.Errorf("an event of what was rolled back: %v", got)
	}
}
