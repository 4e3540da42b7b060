package session

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// tester is who sets projects up.
var tester = audit.Origin{Actor: "test", Remote: "192.0.2.1", Request: "r1"}

// A bench is a project with a user, and what sessions need.
type bench struct {
	*Service
	project string
	user    *user.User
}

func setup(t testing.TB, db *store.DB) *bench {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	projects := &project.Service{DB: db, Master: master, Log: slog.New(slog.DiscardHandler)}
	b := &bench{Service: &Service{DB: db, Projects: projects, Keys: &key.Service{DB: db, Projects: projects}}}
	b.project, b.user = b.another(t)
	return b
}

// another makes a further project with a user.
func (b *bench) another(t testing.TB) (string, *user.User) {
	t.Helper()
	p, err := b.Projects.Create(t.Context(), tester, project.New{Name: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	u := &user.User{Project: p.ID, LoginIDs: []string{"ada@example.com"}, Email: "ada@example.com", VerifiedEmail: true, Name: "Ada"}
	b.write(t, func(tx *store.Tx) error { return user.Create(tx, u) })
	return p.ID, u
}

func (b *bench) write(t testing.TB, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := b.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return fn(tx) }); err != nil {
		t.Fatal(err)
	}
}

// configure imports files, by their paths.
func (b *bench) configure(t testing.TB, files map[string]string) {
	t.Helper()
	in := project.Import{Project: b.project, Upload: &snapshot.Upload{Files: snapshot.Files{}}}
	for path, content := range files {
		in.Upload.Files[path] = []byte(content)
	}
	if _, err := b.Projects.Import(t.Context(), tester, in); err != nil {
		t.Fatal(err)
	}
}

// settings imports members of project.json.
func (b *bench) settings(t testing.TB, members string) {
	t.Helper()
	b.configure(t, map[string]string{"project.json": members})
}

// join makes the user a member of a tenant, with roles there by their ids.
func (b *bench) join(t testing.TB, tenant string, roles ...string) {
	t.Helper()
	b.write(t, func(tx *store.Tx) error {
		if _, err := tx.Exec(`INSERT INTO tenants (project, id, name, created_at, modified_at) VALUES ($1, $2, $2, 0, 0)`, b.project, tenant); err != nil {
			return err
		}
		u, err := user.Load(tx, b.project, b.user.ID)
		if err != nil {
			return err
		}
		u.Tenants = append(u.Tenants, user.Membership{Tenant: tenant, Roles: roles})
		return user.Save(tx, u)
	})
}

// refresh refreshes under the settings of now.
func (b *bench) refresh(t testing.TB, token secret.Text) (*Tokens, error) {
	t.Helper()
	return b.Refresh(t.Context(), b.config(t), token, Client{})
}

func (b *bench) config(t testing.TB) *project.Config {
	t.Helper()
	c, err := b.Projects.Config(t.Context(), b.project)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// proof is a login of the user that needs no proof.
func (b *bench) proof(t testing.TB) Login {
	t.Helper()
	return Login{
		Config: b.config(t), Method: AMREmail, Client: Client{Address: "192.0.2.7", UserAgent: "test"},
		Prove: func(tx *store.Tx) (*user.User, bool, error) {
			u, err := user.Load(tx, b.project, b.user.ID)
			return u, false, err
		},
	}
}

func (b *bench) signIn(t testing.TB) *Tokens {
	t.Helper()
	return b.signInAs(t, b.proof(t))
}

func (b *bench) signInAs(t testing.TB, in Login) *Tokens {
	t.Helper()
	out, err := b.SignIn(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// payload returns the claims of a token, verified.
func (b *bench) payload(t *testing.T, token secret.Text) map[string]any {
	t.Helper()
	raw, _, err := b.Keys.Verify(t.Context(), b.project, token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func errorIs(err, want error) bool { return errors.Is(err, want) }

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

// A proof makes a session whose tokens say who it is, and whose refresh token
// gives another session token.
func TestSignIn(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		tokens := b.signIn(t)
		claims := b.payload(t, tokens.Session)
		for name, want := range map[string]any{"iss": b.project, "sub": b.user.ID, "drn": "DS"} {
			if claims[name] != want {
				t.Errorf("%s = %v, want %v", name, claims[name], want)
			}
		}
		if got := claims["exp"].(float64) - claims["iat"].(float64); got != b.config(t).Settings.SessionTokenLifetime.Seconds() {
			t.Errorf("the session token lives %v s", got)
		}
		again, err := b.Refresh(t.Context(), b.config(t), tokens.Refresh, Client{})
		if err != nil {
			t.Fatal(err)
		}
		if !again.Refresh.IsZero() {
			t.Error("the refresh token was rotated, which no setting asks for")
		}
		if got := b.payload(t, again.Session)["sid"]; got != claims["sid"] {
			t.Errorf("another session: %v", got)
		}
	})
}
