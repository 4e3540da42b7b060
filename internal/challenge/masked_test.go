package challenge_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

// Where nobody may learn who is a user, what is done for somebody is done for nobody: a
// user is read and asked whether they may come by the method, and a message is written.
// What a stranger may not say of themselves a user may not say either.
func TestNobodyIsAsMuchWork(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		p := signin.New(t, db, project.New{Name: "Shop"})
		p.Import(t, map[string]string{"auth/otp.json": `{"enabled":true}`})
		p.Challenges.Linger = 1 // a message waits, if not for long
		work := func(act challenge.Act, loginID string, profile user.Profile) (map[string]int, error) {
			done := map[string]int{}
			method := challenge.Method{
				Name: "test", Enabled: true, Lifetime: time.Minute, Purpose: message.OTP, Tries: 3, Masks: true,
				Messages: func(message.Kind) project.Messages { done["a template"]++; return project.Messages{} },
			}
			method.Bars = func(_ *store.Tx, u *user.User) error {
				done["a user"]++
				if u.Email != "ada@a.example" {
					t.Errorf("asked about %+v", u)
				}
				return nil
			}
			_, err := p.Challenges.Begin(t.Context(), challenge.Request{
				Config: p.Config(t), Method: method, Act: act, Kind: message.Email, LoginID: loginID, Profile: profile,
			}, func(pending *challenge.Pending) (*message.Values, error) {
				pending.ID, pending.Digest = challenge.Name(loginID), []byte("x")
				return &message.Values{Code: "123456"}, nil
			})
			p.Challenges.Wait()
			return done, err
		}

		if done, err := work(challenge.SignIn, "ada@a.example", user.Profile{}); err != nil || done["a user"] != 0 {
			t.Errorf("without any users: %v, %v", done, err)
		}
		p.User(t, user.User{LoginIDs: []string{"ada@a.example"}, Email: "ada@a.example"})
		for _, act := range []challenge.Act{challenge.SignIn, challenge.SignUp, challenge.SignUpOrIn} {
			known, err := work(act, "ada@a.example", user.Profile{})
			if err != nil || known["a user"] != 1 || known["a template"] != 2 {
				t.Errorf("act %d of a user: %v, %v", act, known, err)
			}
			for _, nobody := range []string{"bob@a.example", "no address"} {
				done, err := work(act, nobody, user.Profile{})
				if diff := cmp.Diff(known, done); diff != "" || err != nil {
					t.Errorf("act %d of %s (-user +nobody): %v\n%s", act, nobody, err, diff)
				}
			}
		}
		for _, who := range []string{"ada@a.example", "bob@a.example"} {
			if _, err := work(challenge.SignUp, who, user.Profile{Email: "another@a.example"}); !errors.Is(err, user.ErrAddress) {
				t.Errorf("%s signs up with another address: %v", who, err)
			}
		}
	})
}
