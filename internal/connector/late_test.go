package connector

import (
	"fmt"
	"strings"
	"testing"

	"postern/internal/project"
	"postern/internal/snapshot"
)

// A message that began under a configuration goes out with the credential of that
// configuration, though another one has replaced both since.
func TestLateMessageHasItsOwnCredential(t *testing.T) {
	t.Parallel()
	mine, theirs := newWeb(t, nil), newWeb(t, nil)
	gate := func(url, token string) string {
		return fmt.Sprintf(`{"postUrl":"%s/sms","authentication":{"method":"bearerToken","bearerToken":%q}}`, url, token)
	}
	f := one(t, conn{"generic-sms-gateway", gate(theirs.URL, "token-of-theirs")})
	files := snapshot.Files{
		"connectors/connectors.json": []byte(`{"connectors":["c1"]}`),
		"connectors/c1.json":         []byte(`{"id":"CI1","name":"Gate 1","type":"generic-sms-gateway","configuration":` + gate(mine.URL, "token-of-mine") + `}`),
		"snapshot.json":              []byte(`{"version":5}`),
	}
	if _, err := f.Projects.Import(t.Context(), tester, project.Import{Project: f.cfg.Project, Upload: &snapshot.Upload{Files: files}}); err != nil {
		t.Fatal(err)
	}
	now, err := f.Projects.Config(t.Context(), f.cfg.Project)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		config *project.Config
		at     *web
		want   string
	}{{f.cfg, theirs, "token-of-theirs"}, {now, mine, "token-of-mine"}} {
		if err := f.Send(t.Context(), tt.config, "CI1", aText()); err != nil {
			t.Fatalf("%v\n%s", err, f.logs)
		}
		if got := tt.at.last(t, 1).Header.Get("Authorization"); !strings.HasSuffix(got, " "+tt.want) {
			t.Errorf("revision %d sends %q", tt.config.Revision, got)
		}
	}
}
