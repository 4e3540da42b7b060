package otp_test

import (
	"testing"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/testkit"
	"postern/internal/user"
)

// A plan that leaves nobody a message says whose only way in that is.
func TestEffects(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	b.Challenges.Projects.Effects = append(b.Challenges.Projects.Effects, b.Challenges.Effects())
	on, off := `{"enabled":true}`, `{"enabled":false}`
	b.configure(t, map[string]string{"auth/otp.json": on, "auth/magiclink.json": on, "auth/enchantedlink.json": on})
	b.user(t, user.User{LoginIDs: []string{ada}, Email: ada})
	b.user(t, user.User{LoginIDs: []string{"bob"}, Phone: "+12025550143", Methods: user.Password})
	for _, tt := range []struct {
		name  string
		files map[string]string
		count int
	}{
		{"two of three", map[string]string{"auth/otp.json": off, "auth/magiclink.json": off}, 0},
		{"all of them", map[string]string{"auth/otp.json": off, "auth/magiclink.json": off, "auth/enchantedlink.json": off}, 1},
	} {
		up := &snapshot.Upload{Files: snapshot.Files{}}
		for path, content := range tt.files {
			up.Files[path] = []byte(content)
		}
		plan, err := b.Challenges.Projects.Plan(t.Context(), project.Import{Project: b.project, Upload: up})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, d := range plan.Differences {
			for _, e := range d.Effects {
				if e.Code == "users_lose_only_method" {
					n += e.Count
				}
			}
		}
		if n != tt.count {
			t.Errorf("%s: %d people, want %d", tt.name, n, tt.count)
		}
	}
}
