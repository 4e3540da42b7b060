package user_test

import (
	"errors"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/project"
	"postern/internal/user"
)

func TestNew(t *testing.T) {
	t.Parallel()
	c := &project.Config{
		Project: "P1", Settings: project.Settings{SelfProvisioning: true, TestUsers: regexp.MustCompile(`^tester`)},
		Roles: []project.Role{{ID: "ROLb", Default: true}, {ID: "ROLa", Default: true}, {ID: "ROLc"}},
	}
	for _, tt := range []struct {
		name    string
		loginID string
		profile user.Profile
		want    user.User
	}{
		{"an address", " Ann@Shop.Example ", user.Profile{Name: "Ann"}, user.User{LoginIDs: []string{"ann@shop.example"}, Name: "Ann", Email: "ann@shop.example"}},
		{"a number", "+12025550143", user.Profile{}, user.User{LoginIDs: []string{"+12025550143"}, Phone: "+12025550143"}},
		{"a name", "Ann", user.Profile{Phone: "+1 (202) 555-0143"}, user.User{LoginIDs: []string{"Ann"}, Phone: "+12025550143"}},
		{"a test user", "tester1", user.Profile{}, user.User{LoginIDs: []string{"tester1"}, Test: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := user.New(c, "", tt.loginID, tt.profile)
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Project, tt.want.Status, tt.want.Roles, tt.want.Unproven = "P1", user.Enabled, []string{"ROLa", "ROLb"}, true
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for name, in := range map[string]struct {
		id string
		p  user.Profile
	}{
		"no login id":      {" ", user.Profile{}},
		"another address":  {"ann@shop.example", user.Profile{Email: "other@shop.example"}},
		"another number":   {"+12025550143", user.Profile{Phone: "+12025550144"}},
		"a line break":     {"ann\nbcc", user.Profile{}},
		"a wrong address":  {"ann", user.Profile{Email: "ann@"}},
		"a wrong number":   {"ann", user.Profile{Phone: "12"}},
		"a second address": {"ann", user.Profile{RecoveryEmail: "x\r\ny@z.example"}},
	} {
		if u, err := user.New(c, "", in.id, in.p); err == nil {
			t.Errorf("%s: %+v", name, u)
		}
	}
	closed := *c
	closed.Settings.SelfProvisioning = false
	if _, err := user.New(&closed, "", "ann", user.Profile{}); !errors.Is(err, user.ErrNoSignUp) {
		t.Errorf("where strangers may not: %v", err)
	}
	if _, err := user.Prepare(&closed, "", "ann", user.Profile{}); err != nil {
		t.Errorf("who is invited: %v", err)
	}
}
