package session

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// trust signs the user in with two factors and has the device trusted.
func (b *bench) trust(t *testing.T) *Tokens {
	t.Helper()
	in := b.proof(t)
	in.Current, in.Method = b.signIn(t).Refresh, AMRTOTP
	in.Options = Options{MFA: true, TrustDevice: true}
	return b.signInAs(t, in)
}

// on signs the user in on a device.
func (b *bench) on(t *testing.T, token secret.Text) *Tokens {
	t.Helper()
	in := b.proof(t)
	in.Client.Device, in.Client.Address = token, "192.0.2.8"
	return b.signInAs(t, in)
}

func TestTrustedDevices(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		early := b.proof(t)
		early.Options.TrustDevice = true
		_, err := b.SignIn(t.Context(), early)
		wantErr(t, err, ErrOneFactor)

		trusted := b.trust(t)
		claims := b.payload(t, trusted.Device)
		if claims["drn"] != "DTD" || claims["exp"].(float64)-claims["iat"].(float64) != b.config(t).Settings.TrustedDeviceFor.Seconds() || trusted.Claims[claimDevice] != true {
			t.Errorf("%v %v", claims, trusted.Claims)
		}
		again := b.on(t, trusted.Device)
		if again.Claims[claimDevice] != true || !again.Device.IsZero() {
			t.Errorf("on the device: %v", again.Claims)
		}
		if renewed, err := b.refresh(t, again.Refresh); err != nil || renewed.Claims[claimDevice] != true {
			t.Errorf("a refresh there: %v %v", renewed, err)
		}
		// It is no token of a session, and one of a session is no device.
		if _, err := b.refresh(t, trusted.Device); err == nil {
			t.Error("the token of a device refreshes")
		}
		other, stranger := b.another(t)
		_ = other
		for name, token := range map[string]secret.Text{
			"none": {}, "of a session": trusted.Session, "of a refresh": trusted.Refresh, "no token": secret.New("x"),
			"changed": secret.New(strings.Replace(trusted.Device.Reveal(), ".", ".A", 1)),
		} {
			if got := b.on(t, token); got.Claims[claimDevice] != nil {
				t.Errorf("%s: %v", name, got.Claims)
			}
		}
		claimed := b.proof(t)
		claimed.Options = Options{Trusted: true, CustomClaims: map[string]any{claimDevice: true}}
		if got := b.signInAs(t, claimed); got.Claims[claimDevice] != nil {
			t.Error("a request says that its device is trusted")
		}

		// Another user on the same device is a stranger to it.
		bob := &user.User{Project: b.project, LoginIDs: []string{"bob"}}
		b.write(t, func(tx *store.Tx) error { return user.Create(tx, bob) })
		in := b.proof(t)
		in.Client.Device = trusted.Device
		in.Prove = func(tx *store.Tx) (*user.User, bool, error) {
			u, err := user.Load(tx, b.project, bob.ID)
			return u, false, err
		}
		if got := b.signInAs(t, in); got.Claims[claimDevice] != nil {
			t.Errorf("another user: %v", got.Claims)
		}

		list, err := b.Devices(t.Context(), b.config(t), b.user.ID)
		if err != nil || len(list) != 1 || list[0].Address != "192.0.2.8" || list[0].Agent != "test" {
			t.Fatalf("%+v %v", list, err)
		}
		if err := b.ForgetDevices(t.Context(), tester, stranger, []string{list[0].ID}); err != nil {
			t.Fatal(err)
		}
		if got := b.on(t, trusted.Device); got.Claims[claimDevice] != true {
			t.Error("somebody else's removal removed it")
		}
		if err := b.ForgetDevices(t.Context(), tester, b.user, []string{list[0].ID, "TD9"}); err != nil {
			t.Fatal(err)
		}
		if got := b.on(t, trusted.Device); got.Claims[claimDevice] != nil {
			t.Error("a device that was removed is trusted")
		}
	})
}

// The setting says for how long, for devices of before, too; a plan says which that
// are; and a collection takes their rows.
func TestDevicesAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, testkit.Store(t))
		b.Projects.Effects = append(b.Projects.Effects, b.Effects())
		b.settings(t, `{"trustedDeviceTokenExpiration":10,"trustedDeviceTokenExpirationUnit":"days"}`)
		old := b.trust(t).Device
		time.Sleep(6 * 24 * time.Hour)
		fresh := b.trust(t).Device
		const shorter = `{"trustedDeviceTokenExpiration":5,"trustedDeviceTokenExpirationUnit":"days"}`
		plan, err := b.Projects.Plan(t.Context(), project.Import{Project: b.project, Upload: &snapshot.Upload{Files: snapshot.Files{project.SettingsFile: []byte(shorter)}}})
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, d := range plan.Differences {
			for _, e := range d.Effects {
				if e.Code == "devices_forgotten" {
					said += e.Message
				}
			}
		}
		if said != "1 device is not trusted any more: for longer than 5 days." {
			t.Errorf("the plan says %q", said)
		}
		b.settings(t, shorter)
		if b.on(t, old).Claims[claimDevice] != nil || b.on(t, fresh).Claims[claimDevice] != true {
			t.Error("the shorter time is not obeyed")
		}
		if list, err := b.Devices(t.Context(), b.config(t), b.user.ID); err != nil || len(list) != 1 || time.Until(list[0].ExpiresAt) != 5*24*time.Hour {
			t.Errorf("%+v %v", list, err)
		}
		time.Sleep(6 * 24 * time.Hour) // the one of ten days is over
		if n, err := b.ExpireDevices(t.Context()); err != nil || n != 1 {
			t.Errorf("%d %v", n, err)
		}
	})
}
