package project

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// What the example says is what the compiled configuration says.
func TestCompiledShop(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		shop := testkit.Shop(t)
		f.load(t, shop.Upload())
		c, err := f.Config(t.Context(), f.id)
		if err != nil {
			t.Fatal(err)
		}
		set := c.Settings
		got := map[string]any{
			"name": c.Name, "cookie": set.RefreshCookie, "session cookie": set.SessionCookie, "refresh": set.RefreshTokenLifetime,
			"session": set.SessionTokenLifetime, "step-up": set.StepUpTokenLifetime, "key": set.KeyTokenLifetime, "inactivity": set.Inactivity,
			"rotate": set.RotateRefreshTokens, "test code": set.TestCode, "a tester": set.TestUsers.MatchString("tester1@shop.example"),
			"invitation": set.Invite.Email.Active.Name, "invitation within": set.Invite.Lifetime,
			"codes": c.Methods.OTP.Lifetime, "codes by": c.Connectors[c.Methods.OTP.Email.Connector].Type, "texts by": c.Connectors[c.Methods.OTP.Text.Connector].Type,
			"code mail": c.Methods.OTP.Email.Active.Name, "messages": c.Methods.OTP.Rate, "passwords": c.Methods.Password.MinLength,
			"strength": c.Methods.Password.MinStrength, "lock": c.Methods.Password.TempLockFor, "expire": c.Methods.Password.ExpireAfter,
			"party": c.Methods.Passkey.RelyingPartyID, "template": c.JWTTemplates[set.UserTemplate].Name, "questions": len(c.Methods.SecurityQuestions.Questions),
			"role": c.Roles[0].Name, "permission": c.Permissions[0].Name, "attribute": c.Attributes.User[0].Name,
		}
		want := map[string]any{
			"name": "Test", "cookie": Cookie{true, SameSiteLax, "shop.example"}, "session cookie": Cookie{false, SameSiteLax, "shop.example"},
			"refresh": 30 * 24 * time.Hour, "session": 15 * time.Minute, "step-up": 5 * time.Minute, "key": 20 * time.Minute, "inactivity": 45 * time.Minute,
			"rotate": true, "test code": "424242", "a tester": true, "invitation": "Counter invitation", "invitation within": 10 * 24 * time.Hour,
			"codes": 5 * time.Minute, "codes by": "smtp", "texts by": "twilio-core", "code mail": "Six digits by letter",
			"messages": Rate{6, 5 * time.Minute}, "passwords": 10, "strength": 3, "lock": 15 * time.Minute, "expire": 52 * 7 * 24 * time.Hour,
			"party": "shop.example", "template": "User token", "questions": 4, "role": "Store Manager", "permission": "orders:read", "attribute": "nickname",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A project without files has the defaults of the schemas, and a member that is
// taken back to its default has it again.
func TestCompiledDefaults(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	empty, err := f.Config(t.Context(), f.id)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		empty.Settings.SelfProvisioning, empty.Settings.RefreshTokenLifetime, empty.Settings.Inactivity, empty.Settings.RefreshCookie,
		empty.Methods.OTP.Enabled, empty.Methods.OTP.Lifetime, empty.Methods.Password.MinLength, empty.Methods.Password.MaskErrors,
		empty.Methods.SecurityQuestions.Enabled, empty.Methods.Password.LockAttempts,
	}
	want := []any{true, 28 * 24 * time.Hour, time.Duration(0), Cookie{SameSite: SameSiteNone}, true, 3 * time.Minute, 8, true, false, 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	f.load(t, files(map[string]string{"auth/otp.json": `{"expirationTime":9,"expirationTimeUnit":"minutes"}`}))
	f.load(t, files(map[string]string{"auth/otp.json": `{"expirationTime":null}`}))
	c, err := f.Config(t.Context(), f.id)
	if err != nil || c.Methods.OTP.Lifetime != 3*time.Minute {
		t.Errorf("lifetime = %v, %v", c.Methods.OTP.Lifetime, err)
	}
}

func files(of map[string]string) *snapshot.Upload {
	up := &snapshot.Upload{Files: snapshot.Files{}}
	for path, text := range of {
		up.Files[path] = []byte(text)
	}
	return up
}

// A process obeys its own import at once, and that of another one within Stale;
// what began under a revision can be ended under it.
func TestRunning(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		other := f.process()
		lifetime := func(f *fixture) time.Duration {
			c, err := f.Running(t.Context(), f.id)
			if err != nil {
				t.Fatal(err)
			}
			return c.Methods.OTP.Lifetime
		}
		code := func(minutes string) *snapshot.Upload {
			return files(map[string]string{"auth/otp.json": `{"expirationTime":` + minutes + `}`})
		}
		f.load(t, code("4"))
		first, err := f.Config(t.Context(), f.id)
		if err != nil {
			t.Fatal(err)
		}
		if got := lifetime(other); got != 4*time.Minute {
			t.Errorf("first seen: %v", got)
		}
		f.load(t, code("7"))
		if got := lifetime(f); got != 7*time.Minute {
			t.Errorf("the process that imported: %v", got)
		}
		v, _ := other.running.Load(f.id)
		other.running.Store(f.id, seen{v.(seen).config, time.Now().Add(-Stale)}) // as if so much time had passed
		if got := lifetime(other); got != 7*time.Minute {
			t.Errorf("another process, after %v: %v", Stale, got)
		}
		for _, p := range []*fixture{f, other} {
			then, err := p.ConfigAt(t.Context(), f.id, first.Revision)
			if err != nil || then.Methods.OTP.Lifetime != 4*time.Minute || then.Revision != first.Revision {
				t.Errorf("the first revision: %v, %v", then, err)
			}
		}
		if err := f.Rename(t.Context(), tester, f.id, "Other name"); err != nil {
			t.Fatal(err)
		}
		if c, err := f.Config(t.Context(), f.id); err != nil || c.Name != "Other name" {
			t.Errorf("after the renaming: %q, %v", c.Name, err)
		}
		if err := f.Delete(t.Context(), tester, f.id); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Config(t.Context(), f.id); !errors.Is(err, ErrNotFound) {
			t.Errorf("after the deletion: %v", err)
		}
	})
}

// What did not change is not read again.
func TestCompiledOnce(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "first"))
	before, err := f.Config(t.Context(), f.id)
	if err != nil {
		t.Fatal(err)
	}
	f.load(t, files(map[string]string{"auth/otp.json": `{"expirationTime":9}`}))
	after, err := f.Config(t.Context(), f.id)
	if err != nil {
		t.Fatal(err)
	}
	var again []string
	for path, p := range after.parts {
		if before.parts[path].digest != p.digest {
			again = append(again, path)
		}
	}
	if diff := cmp.Diff([]string{"auth/otp.json"}, again, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before.Connectors, after.Connectors); diff != "" || len(after.Connectors) != 1 {
		t.Errorf("connectors (-before +after):\n%s", diff)
	}
}

// A process that follows obeys another one as soon as that tells it, however
// lately it looked by itself.
func TestFollow(t *testing.T) {
	t.Parallel()
	f := setup(t, testkit.Postgres(t))
	other := f.process()
	other.running.Store("a stranger", seen{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { other.Follow(ctx); close(ended) }()
	gone := func(id string) {
		for {
			if _, ok := other.running.Load(id); !ok {
				return
			}
			if t.Context().Err() != nil {
				t.Fatal("nothing was heard")
			}
			runtime.Gosched()
		}
	}
	gone("a stranger") // it listens now
	f.load(t, files(map[string]string{"auth/otp.json": `{"expirationTime":4}`}))
	other.running.Store(f.id, seen{&Config{}, time.Now().Add(time.Hour)})
	f.load(t, files(map[string]string{"auth/otp.json": `{"expirationTime":7}`}))
	gone(f.id)
	if c, err := other.Running(t.Context(), f.id); err != nil || c.Methods.OTP.Lifetime != 7*time.Minute {
		t.Errorf("%+v, %v", c, err)
	}
	cancel()
	<-ended
}
