package otp_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/testkit"
	"postern/internal/user"
)

// A plan that leaves nobody a message says whose only way in that is.
func TestEffects(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	b.shop.Projects.Effects = append(b.shop.Projects.Effects, b.Challenges.Effects())
	on, off := `{"enabled":true}`, `{"enabled":false}`
	b.shop.Import(t, map[string]string{"auth/otp.json": on, "auth/magiclink.json": on, "auth/enchantedlink.json": on})
	b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
	b.shop.User(t, user.User{LoginIDs: []string{"bob"}, Phone: "+12025550143", Methods: user.Password})
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"two of three", map[string]string{"auth/otp.json": off, "auth/magiclink.json": off}, nil},
		{"all of them", map[string]string{"auth/otp.json": off, "auth/magiclink.json": off, "auth/enchantedlink.json": off}, []string{"enabled: A code or a link in a message is the only way in of 1 person, and no method would send one. (users_lose_only_method, 1)"}},
	} {
		if diff := cmp.Diff(tt.want, b.shop.Effects(t, tt.files)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
