package audit_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/store"
	"postern/internal/testkit"
)

func TestFind(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		for _, e := range []audit.Event{
			{Project: "P1", Actor: "K1", Action: "one", Outcome: audit.Done, Remote: "192.0.2.7", Details: map[string]any{"note": "100% Sure"}},
			{Project: "P1", Actor: "K2", Action: "two", Outcome: audit.Refused, Remote: "192.0.2.8"},
			{Project: "P1", Actor: "K1", Action: "three", Outcome: audit.Failed},
			{Project: "P2", Actor: "K1", Action: "one", Outcome: audit.Done},
			{Actor: "K1", Action: "server", Outcome: audit.Done},
		} {
			record(t, db, e)
		}
		hour := time.Now().Add(time.Hour)
		for _, tt := range []struct {
			name  string
			in    audit.Search
			want  []string
			total int
		}{
			{"all, the newest first", audit.Search{}, []string{"three", "two", "one"}, 3},
			{"the oldest first", audit.Search{OldestFirst: true}, []string{"one", "two", "three"}, 3},
			{"a page", audit.Search{Limit: 1, Offset: 1}, []string{"two"}, 3},
			{"an offset below nothing", audit.Search{Offset: -1, Limit: 1}, []string{"three"}, 3},
			{"by action", audit.Search{Actions: []string{"one", "two"}}, []string{"two", "one"}, 2},
			{"all but an action", audit.Search{ExcludedActions: []string{"one"}}, []string{"three", "two"}, 2},
			{"by who", audit.Search{Actors: []string{"K2"}}, []string{"two"}, 1},
			{"by address", audit.Search{Remotes: []string{"192.0.2.7"}}, []string{"one"}, 1},
			{"by outcome", audit.Search{Outcomes: []string{audit.Refused, audit.Failed}}, []string{"three", "two"}, 2},
			{"by text in the details, whatever the case", audit.Search{Text: "100% sURE"}, []string{"one"}, 1},
			{"a percent sign is one", audit.Search{Text: "10%0"}, nil, 0},
			{"an underscore is one", audit.Search{Text: "t_o"}, nil, 0},
			{"a quote is text", audit.Search{Text: `' OR '1'='1`}, nil, 0},
			{"what no column can hold", audit.Search{Actions: []string{"one\x00"}, Text: "\xff"}, nil, 0},
			{"from an hour ago", audit.Search{From: hour.Add(-2 * time.Hour)}, []string{"three", "two", "one"}, 3},
			{"from an hour on", audit.Search{From: hour}, nil, 0},
			{"up to an hour ago", audit.Search{To: hour.Add(-2 * time.Hour)}, nil, 0},
		} {
			tt.in.Project = "P1"
			events, total, err := audit.Find(t.Context(), db, tt.in)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			var got []string
			for _, e := range events {
				got = append(got, e.Action)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || total != tt.total {
				t.Errorf("%s: %d in all, want %d (-want +got):\n%s", tt.name, total, tt.total, diff)
			}
		}
	})
}
