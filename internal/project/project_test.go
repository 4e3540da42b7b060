package project

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

var tester = audit.Origin{Actor: "Ktester", Remote: "192.0.2.7", Request: "Rtest"}

// fixture is a service and a project without a revision.
type fixture struct {
	*Service
	id   string
	logs *bytes.Buffer
}

// Secret returns a credential of the configuration of now.
func (s *Service) Secret(ctx context.Context, project, kind, entity, field string) (secret.Text, error) {
	c, err := s.Config(ctx, project)
	if err != nil {
		return secret.Text{}, err
	}
	return s.SecretOf(ctx, c, kind, entity, field)
}

func setup(t testing.TB, url string) *fixture {
	t.Helper()
	return setupOn(t, testkit.Open(t, url))
}

func setupOn(t testing.TB, db *store.DB) *fixture {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{logs: &bytes.Buffer{}}
	f.Service = &Service{DB: db, Master: master, Log: slog.New(slog.NewTextHandler(f.logs, nil))}
	f.MayApprove = func(_ context.Context, key, _ string) (bool, error) { return key != revoked.Actor, nil }
	f.id = f.create(t, "Test").ID
	return f
}

func (f *fixture) create(t testing.TB, name string) Project {
	t.Helper()
	p, err := f.Create(t.Context(), tester, New{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// load imports an upload into the fixture's project.
func (f *fixture) load(t testing.TB, up *snapshot.Upload) *Result {
	t.Helper()
	res, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: up})
	if err != nil {
		t.Fatal(explain(err))
	}
	return res
}

// explain adds the problems to an error.
func explain(err error) error {
	report, _ := fault.From(err).Details.(*Report)
	if report == nil {
		return err
	}
	for _, p := range report.Problems {
		if p.Level == snapshot.Error {
			err = errors.Join(err, errors.New(p.String()))
		}
	}
	return err
}

// small is an upload with one secret. What it says differs with each mark.
func small(mark, value string) *snapshot.Upload {
	return &snapshot.Upload{
		Files: snapshot.Files{
			"snapshot.json":              []byte(`{"version":5}`),
			"project.json":               []byte(`{"trustedDomains":"` + mark + `.example"}`),
			"connectors/connectors.json": []byte(`{"connectors":["mail"]}`),
			"connectors/mail.json":       []byte(`{"configuration":{"fromEmail":"a@example.test","fromName":"` + mark + `","host":"smtp.example.test","username":"u"},"id":"CI1","name":"Mail","type":"smtp"}`),
		},
		Secrets: []snapshot.InputSecret{{Group: "connectors", ID: "CI1", Type: "password", Value: secret.New(value)}},
	}
}

// audits returns action, outcome and actor of the events of a project, sorted:
// several in one millisecond are in no order.
func (f *fixture) audits(t testing.TB, id string) []string {
	t.Helper()
	events, _, err := audit.Find(t.Context(), f.DB, audit.Search{Project: id, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		out = append(out, e.Action+" "+e.Outcome+" by "+e.Actor)
	}
	slices.Sort(out)
	return out
}

// same fails the test where a row of the database is not as it was.
func (f *fixture) same(t testing.TB, before map[string][]string) {
	t.Helper()
	if diff := cmp.Diff(before, testkit.Rows(t, f.DB)); diff != "" {
		t.Errorf("the database has changed (-before +after):\n%s", diff)
	}
}

func TestNewProjectIsChecked(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	long := strings.Repeat("é", 101)
	tests := []struct {
		name string
		in   New
		want error
	}{
		{"a name of 100 characters is taken", New{Name: long[:200]}, nil},
		{"a name of 101 characters is refused", New{Name: long}, ErrName},
		{"no name is refused", New{}, ErrName},
		{"a name of blanks is refused", New{Name: " \u00a0"}, ErrName},
		{"a name of two lines is refused", New{Name: "a\nb"}, ErrName},
		{"a name with NUL is refused", New{Name: "a\x00b"}, ErrName},
		{"a name that is not UTF-8 is refused", New{Name: "a\xff"}, ErrName},
		{"the environment production is taken", New{Name: "a", Environment: "production"}, nil},
		{"another environment is refused", New{Name: "a", Environment: "staging"}, ErrEnvironment},
		{"50 tags are taken", New{Name: "a", Tags: strings.Split(strings.Repeat("x,", 49)+"x", ",")}, nil},
		{"51 tags are refused", New{Name: "a", Tags: strings.Split(strings.Repeat("x,", 50)+"x", ",")}, ErrTags},
		{"an empty tag is refused", New{Name: "a", Tags: []string{"b", ""}}, ErrTags},
		{"a tag of 50 characters is taken", New{Name: "a", Tags: []string{long[:100]}}, nil},
		{"a tag of 51 characters is refused", New{Name: "a", Tags: []string{long[:102]}}, ErrTags},
		{"a tag with a tab is refused", New{Name: "a", Tags: []string{"a\tb"}}, ErrTags},
		{"a tag that is not UTF-8 is refused", New{Name: "a", Tags: []string{"\xc3"}}, ErrTags},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := f.Create(t.Context(), tester, tt.in)
			_, cloneErr := f.Clone(t.Context(), tester, f.id, tt.in)
			for _, got := range []error{err, cloneErr} {
				if !errors.Is(got, tt.want) || tt.want != nil && got.Error() != tt.want.Error() {
					t.Errorf("got %v, want %v", got, tt.want)
				}
			}
		})
	}
}

func TestProjectsAreListedRenamedAndDeleted(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		other, err := f.Create(t.Context(), tester, New{Name: "Other", Environment: "production", Tags: []string{"b", "a", "b"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Rename(t.Context(), tester, f.id, "Renamed"); err != nil {
			t.Fatal(err)
		}
		if err := f.SetTags(t.Context(), tester, f.id, []string{"z", "é", "z"}); err != nil {
			t.Fatal(err)
		}
		// Ids that were made in one second are in no order.
		want := map[string]New{
			f.id:     {Name: "Renamed", Tags: []string{"z", "é"}},
			other.ID: {Name: "Other", Environment: "production", Tags: []string{"b", "a"}},
		}
		if diff := cmp.Diff(want, listed(t, f)); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		if err := f.Delete(t.Context(), tester, f.id); err != nil {
			t.Fatal(err)
		}
		delete(want, f.id)
		if diff := cmp.Diff(want, listed(t, f)); diff != "" {
			t.Errorf("List after Delete (-want +got):\n%s", diff)
		}
		wantEvents := []string{
			"project.create done by Ktester", "project.delete done by Ktester", "project.rename done by Ktester", "project.tags done by Ktester",
		}
		if diff := cmp.Diff(wantEvents, f.audits(t, f.id)); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
	})
}

func listed(t *testing.T, f *fixture) map[string]New {
	t.Helper()
	list, err := f.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]New{}
	for i, p := range list {
		out[p.ID] = New{Name: p.Name, Environment: p.Environment, Tags: p.Tags}
		if i > 0 && list[i-1].ID >= p.ID {
			t.Errorf("%s is listed before %s", list[i-1].ID, p.ID)
		}
	}
	return out
}

// The rows of the list are in no order of the database, which differs between
// the kinds: "a" and "B" are told apart by byte.
func TestListIsInTheOrderOfIDs(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		for _, id := range []string{"Pa", "PB", "PZ", "Pb", "P1"} {
			err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				return f.insert(tx, Project{ID: id, Name: id, Tags: []string{}}, []byte{1})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		list, err := f.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range list {
			if p.ID != f.id {
				got = append(got, p.ID)
			}
		}
		if diff := cmp.Diff([]string{"P1", "PB", "PZ", "Pa", "Pb"}, got); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
	})
}

func TestNothingIsDoneToAProjectThatIsNotThere(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s"))
		gone := f.create(t, "Gone").ID
		if err := f.Delete(t.Context(), tester, gone); err != nil {
			t.Fatal(err)
		}
		before := testkit.Rows(t, f.DB)
		for _, id := range []string{gone, "Pabsent", "", "P\xff", "P\x00"} {
			_, importErr := f.Import(t.Context(), tester, Import{Project: id, Upload: small("a", "s")})
			_, validateErr := f.Validate(t.Context(), Import{Project: id, Upload: small("a", "s")})
			_, _, exportErr := f.Export(t.Context(), id, snapshot.FormatSplit)
			_, cloneErr := f.Clone(t.Context(), tester, id, New{Name: "a"})
			_, secretErr := f.Secret(t.Context(), id, "connector", "CI1", "password")
			_, getErr := f.Get(t.Context(), id)
			_, configErr := f.Config(t.Context(), id)
			for what, err := range map[string]error{
				"Import": importErr, "Validate": validateErr, "Export": exportErr, "Clone": cloneErr, "Secret": secretErr, "Get": getErr, "Config": configErr,
				"Rename": f.Rename(t.Context(), tester, id, "x"), "SetTags": f.SetTags(t.Context(), tester, id, nil), "Delete": f.Delete(t.Context(), tester, id),
			} {
				if !errors.Is(err, ErrNotFound) {
					t.Errorf("%s of %q: got %v, want %v", what, id, err, ErrNotFound)
				}
			}
		}
		f.same(t, before)
	})
}
