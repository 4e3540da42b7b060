package cli

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"postern/internal/client"
	"postern/internal/snapshot"
)

// What is not as planned is said: the project first, as all else follows from it.
func TestWhatMovedSincePlan(t *testing.T) {
	t.Parallel()
	made := func(change func(*client.Plan)) *client.Plan {
		p := &client.Plan{
			OK: true, Base: client.PlanSide{Revision: 1, Digest: "a"}, Result: client.PlanSide{Digest: "b"},
			Changes: []snapshot.Difference{{File: "auth/password.json", Field: "minLength"}, {File: "roles.json", Field: "roles"}},
			Secrets: []client.PlannedSecret{{Kind: "connector", ID: "CI1", Name: "Mail", Field: "configuration/password", State: "same"}},
		}
		change(p)
		return p
	}
	for name, tt := range map[string]struct {
		change func(*client.Plan)
		want   []string
	}{
		"the project": {
			func(p *client.Plan) { p.Base.Revision, p.Base.Digest, p.Result.Digest = 3, "c", "d" },
			[]string{"The project changed: the plan was made over revision 1, and it is at revision 3 now."},
		},
		"a file": {
			func(p *client.Plan) { p.Result.Digest, p.Changes[1].Field = "d", "other" },
			[]string{"The files changed since the plan was made, or what is left out did: roles.json."},
		},
		"a secret": {
			func(p *client.Plan) { p.Secrets[0].State = "changes" },
			[]string{`A secret is not as planned: the configuration/password of the connector "Mail" gets another value.`},
		},
		"what no plan shows": {
			func(*client.Plan) {},
			[]string{"The project and the files are as planned: a secret has another value, or an option or the policy of the project is another."},
		},
	} {
		if diff := cmp.Diff(tt.want, whatMoved(made(func(*client.Plan) {}), made(tt.change))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A long text is folded, and its length is said.
func TestLongTextIsFolded(t *testing.T) {
	t.Parallel()
	long := jsontext.Value(`"` + strings.Repeat("é", 1000) + `"`)
	if got := short(long); !strings.HasSuffix(got, "é… (1000 characters)") || len([]rune(got)) > maxValue+30 {
		t.Errorf("got %q", got)
	}
	if got := short(jsontext.Value(`"a short one…"`)); got != `"a short one…"` {
		t.Errorf("got %q", got)
	}
}
