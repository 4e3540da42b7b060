package session

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// A plan says which sessions would end, and an import ends exactly these.
func TestPlansSayWhichSessionsEnd(t *testing.T) {
	t.Parallel()
	const hour = `{"refreshTokenExpiration":1,"refreshTokenExpirationUnit":"hours"}`
	const lazy = `{"enableInactivity":true,"inactivityTime":30,"inactivityTimeUnit":"minutes"}`
	for _, tt := range []struct {
		name, file, want string
		count            int
	}{
		{"a shorter lifetime ends those that are older", hour, "2 sessions end at their next refresh: older than 1 hour.", 2},
		{"inactivity ends those that lie still", lazy, "1 session ends at its next refresh: not used for 30 minutes.", 1},
		{"a longer lifetime ends none", `{"refreshTokenExpiration":10,"refreshTokenExpirationUnit":"weeks"}`, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, testkit.Store(t))
				b.Projects.Effects = append(b.Projects.Effects, b.Effects())
				ended := b.signIn(t)
				still, used := b.signIn(t), b.signIn(t)
				if _, err := b.Logout(t.Context(), b.config(t), ended.Refresh, This, nil, Client{}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Hour)
				if _, err := b.refresh(t, used.Refresh); err != nil {
					t.Fatal(err)
				}
				fresh := b.signIn(t)
				up := &snapshot.Upload{Files: snapshot.Files{project.SettingsFile: []byte(tt.file)}}
				plan, err := b.Projects.Plan(t.Context(), project.Import{Project: b.project, Upload: up})
				if err != nil {
					t.Fatal(err)
				}
				var got snapshot.Effect
				for _, d := range plan.Differences {
					for _, e := range d.Effects {
						if e.Code == "sessions_end" {
							got = e
						}
					}
				}
				if got.Message != tt.want || got.Count != tt.count {
					t.Errorf("the plan says %q, %d", got.Message, got.Count)
				}
				b.settings(t, tt.file)
				over := 0
				for _, token := range []*Tokens{still, used, fresh} {
					if _, err := b.refresh(t, token.Refresh); err != nil {
						over++
					}
				}
				if over != tt.count {
					t.Errorf("the import ended %d", over)
				}
			})
		})
	}
}

// A template that begins to insist on its issuer ends the sessions with the other form,
// which are not told apart: a plan says how many there may be.
func TestPlansSayThatAnIssuerIsInsistedOn(t *testing.T) {
	t.Parallel()
	const loose = `{"templates":[{"id":"JT1","name":"one","type":"user","template":{},"conformanceIssuer":true}]}`
	for _, tt := range []struct{ name, file, want string }{
		{
			"insisted on from now on", strings.Replace(loose, "true", `true,"enforceIssuer":true`, 1),
			"sessions_may_end: 2 sessions may end at their next refresh: those whose tokens have an issuer of another form than new ones. The server does not know how many have.",
		},
		{"not insisted on", strings.Replace(loose, "{}", `{"a":"b"}`, 1), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, testkit.Store(t))
			b.Projects.Effects = append(b.Projects.Effects, b.Effects())
			b.signIn(t)
			b.configure(t, map[string]string{"project.json": `{"userTemplateId":"JT1"}`, "jwttemplates.json": loose})
			b.signIn(t)
			up := &snapshot.Upload{SameIDs: true, Files: snapshot.Files{project.JWTTemplatesFile: []byte(tt.file)}}
			plan, err := b.Projects.Plan(t.Context(), project.Import{Project: b.project, Upload: up})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range plan.Differences {
				for _, e := range d.Effects {
					if strings.HasPrefix(e.Code, "sessions") {
						got = append(got, e.Code+": "+e.Message)
					}
				}
			}
			if strings.Join(got, "\n") != tt.want {
				t.Errorf("the plan says %q, %v", got, plan.Effects)
			}
		})
	}
}
