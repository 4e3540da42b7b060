package project

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// Whatever the repository has as a snapshot comes in, goes out, and coming in
// again changes nothing.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range testkit.Samples(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			testkit.Databases(t, func(t *testing.T, url string) {
				f := setup(t, url)
				first := f.load(t, s.Upload())
				if !first.Changed || first.Revision != 1 || len(first.Changes) == 0 {
					t.Fatalf("the first import: %+v", first)
				}
				f.wantSecrets(t, f.id, s.Secrets)
				for _, format := range []snapshot.Format{snapshot.FormatSplit, snapshot.FormatPlain} {
					files, rev := f.export(t, f.id, format)
					if rev.Digest != first.Digest || rev.Number != 1 {
						t.Errorf("Export says revision %d %s, the import said %s", rev.Number, rev.Digest, first.Digest)
					}
					before := testkit.Rows(t, f.DB)
					for what, up := range map[string]*snapshot.Upload{
						"without secrets":        {Files: maps.Clone(files)},
						"with the same secrets":  {Files: maps.Clone(files), Secrets: s.Secrets},
						"the original once more": s.Upload(),
					} {
						again := f.load(t, up)
						if again.Changed || again.Revision != 1 || again.Digest != first.Digest || len(again.Changes) > 0 {
							t.Errorf("import of the export %q %s: %+v", format, what, again)
						}
					}
					f.same(t, before)
				}
				other := f.create(t, "Other").ID
				files, _ := f.export(t, f.id, snapshot.FormatSplit)
				res, err := f.Import(t.Context(), tester, Import{Project: other, Upload: &snapshot.Upload{Files: maps.Clone(files), Secrets: s.Secrets}})
				if err != nil {
					t.Fatal(explain(err))
				}
				if res.Digest != first.Digest {
					t.Errorf("the same files have another digest in another project")
				}
				if back, _ := f.export(t, other, snapshot.FormatSplit); cmp.Diff(files, back) != "" {
					t.Errorf("export of the import differs (-want +got):\n%s", cmp.Diff(files, back))
				}
			})
		})
	}
}

func (f *fixture) export(t testing.TB, id string, format snapshot.Format) (snapshot.Files, Revision) {
	t.Helper()
	files, rev, err := f.Export(t.Context(), id, format)
	if err != nil {
		t.Fatal(err)
	}
	return files, rev
}

// secrets opens every secret of a project.
func (f *fixture) secrets(t testing.TB, id string) []string {
	t.Helper()
	st, err := f.head(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, place := range st.secrets {
		value, err := f.Secret(t.Context(), id, place.Kind, place.Entity, place.Field)
		if err != nil {
			t.Errorf("secret %+v: %v", place, err)
		}
		out = append(out, value.Reveal())
	}
	slices.Sort(out)
	return out
}

func (f *fixture) wantSecrets(t testing.TB, id string, want []snapshot.InputSecret) {
	t.Helper()
	var values []string
	for _, w := range want {
		values = append(values, w.Value.Reveal())
	}
	slices.Sort(values)
	if diff := cmp.Diff(values, f.secrets(t, id)); diff != "" {
		t.Errorf("stored secrets (-want +got):\n%s", diff)
	}
}

func TestRotatedSecretIsANewRevisionOfTheSameDigest(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		first := f.load(t, small("a", "old"))
		second := f.load(t, small("a", "new"))
		if !second.Changed || second.Revision != 2 || second.Digest != first.Digest || len(second.Changes) > 0 {
			t.Errorf("got %+v, want revision 2 of the same digest", second)
		}
		if diff := cmp.Diff([]string{"new"}, f.secrets(t, f.id)); diff != "" {
			t.Errorf("secrets (-want +got):\n%s", diff)
		}
		events, _, err := audit.Find(t.Context(), f.DB, audit.Search{Project: f.id, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"revision": 2.0, "digest": first.Digest.String(), "summary": "secrets only"}
		if diff := cmp.Diff(want, events[0].Details); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
		third := f.load(t, small("b", ""))
		if third.Revision != 3 || third.Digest == first.Digest {
			t.Errorf("got %+v, want a revision of another digest", third)
		}
		if diff := cmp.Diff([]string{"new"}, f.secrets(t, f.id)); diff != "" {
			t.Errorf("secrets after an import without (-want +got):\n%s", diff)
		}
	})
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		apply := func(mark, tag string) error {
			_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small(mark, "s"), IfMatch: tag})
			return err
		}
		_, none := f.export(t, f.id, snapshot.FormatSplit)
		if err := apply("a", none.Digest.String()); err != nil {
			t.Errorf("the tag of a project without a revision: %v", err)
		}
		_, first := f.export(t, f.id, snapshot.FormatSplit)
		before := testkit.Rows(t, f.DB)
		for name, tag := range map[string]string{
			"an older revision": none.Digest.String(), "no digest": "x", "a part of it": first.Digest.String()[:10],
		} {
			if err := apply("b", tag); !errors.Is(err, ErrPrecond) {
				t.Errorf("%s: got %v, want %v", name, err, ErrPrecond)
			}
			if _, err := f.Validate(t.Context(), Import{Project: f.id, Upload: small("b", "s"), IfMatch: tag}); !errors.Is(err, ErrPrecond) {
				t.Errorf("Validate with %s: got %v, want %v", name, err, ErrPrecond)
			}
		}
		f.same(t, before)
		if err := apply("b", first.Digest.String()); err != nil {
			t.Errorf("the tag of the head: %v", err)
		}
	})
}

func TestRefusedImportIsRecordedAndChangesNothingElse(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s"))
		before := testkit.Rows(t, f.DB)
		bad := small("b", "s")
		bad.Files["connectors/other.json"] = []byte(`{"configuration":{"fromEmail":"a@example.test","host":"smtp.example.test","port":70000,"username":"u"},"id":"CI2","name":"Other","type":"smtp"}`)
		bad.Files["connectors/connectors.json"] = []byte(`{"connectors":["mail","other"]}`)
		_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: bad})
		if !errors.Is(err, snapshot.ErrInvalid) {
			t.Fatalf("got %v, want %v", err, snapshot.ErrInvalid)
		}
		report, _ := fault.From(err).Details.(*Report)
		var codes []string
		for _, p := range report.Problems {
			codes = append(codes, p.File+" "+string(p.Code))
		}
		if diff := cmp.Diff([]string{"connectors/other.json secret_missing", "connectors/other.json range"}, codes); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		if len(report.Missing) != 1 || report.Missing[0].ID != "CI2" {
			t.Errorf("missing secrets: %+v", report.Missing)
		}
		after := testkit.Rows(t, f.DB)
		added := after["audit"]
		for _, table := range []string{"audit", "audit_chains"} {
			before[table], after[table] = nil, nil
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("a refused import wrote (-before +after):\n%s", diff)
		}
		if want := []string{"project.create done by Ktester", "project.import done by Ktester", "project.import refused by Ktester"}; cmp.Diff(want, f.audits(t, f.id)) != "" || len(added) != 3 {
			t.Errorf("audit (-want +got):\n%s", cmp.Diff(want, f.audits(t, f.id)))
		}
	})
}

func TestImportsThatAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		alter func(*snapshot.Upload)
		code  snapshot.Code // of the first problem
	}{
		{"a test user pattern that is none", func(up *snapshot.Upload) {
			up.Files["project.json"] = []byte(`{"testUserRegex":"("}`)
		}, snapshot.CodeRule},
		{"an id with NUL", func(up *snapshot.Upload) {
			up.Files["connectors/mail.json"] = []byte(strings.ReplaceAll(string(up.Files["connectors/mail.json"]), "CI1", `C\u0000I`))
			up.Secrets[0].ID = "C\x00I"
		}, snapshot.CodePattern},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Databases(t, func(t *testing.T, url string) {
				f := setup(t, url)
				up := small("a", "s")
				tt.alter(up)
				_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: up})
				report, _ := fault.From(err).Details.(*Report)
				if report == nil || len(report.Problems) == 0 || report.Problems[0].Code != tt.code {
					t.Fatalf("got %v %+v, want a problem %q", err, report, tt.code)
				}
			})
		})
	}
}

// What is said about an import is for people to read: bounded, and text that
// both databases keep.
func TestMessageIsChecked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, message string
		ok            bool
	}{
		{"a text of two lines is kept", "why\nand why else", true},
		{"a text of 1000 characters is kept", strings.Repeat("é", 1000), true},
		{"a longer one is refused", strings.Repeat("é", 1001), false},
		{"one with NUL is refused", "a\x00b", false},
		{"one that is not UTF-8 is refused", "a\xff", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Databases(t, func(t *testing.T, url string) {
				f := setup(t, url)
				up := small("a", "s")
				up.Message = tt.message
				_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: up})
				if !tt.ok {
					if !errors.Is(err, ErrMessage) {
						t.Errorf("got %v, want %v", err, ErrMessage)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if _, rev := f.export(t, f.id, snapshot.FormatSplit); rev.Message != tt.message || rev.Author != tester.Actor {
					t.Errorf("the revision says %q by %q", rev.Message, rev.Author)
				}
			})
		})
	}
}

func TestCarriedSecretsAreRecorded(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s"))
		moved := func() *snapshot.Upload {
			up := small("a", "")
			up.Files["connectors/mail.json"] = []byte(strings.ReplaceAll(string(up.Files["connectors/mail.json"]), "smtp.example.test", "smtp.attacker.test"))
			return up
		}
		before := testkit.Rows(t, f.DB)["secrets"]
		if _, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: moved()}); !errors.Is(err, snapshot.ErrInvalid) {
			t.Errorf("a secret followed its connector to another host: %v", err)
		}
		up := moved()
		up.AllowMoved = true
		f.load(t, up)
		if diff := cmp.Diff(before, testkit.Rows(t, f.DB)["secrets"]); diff != "" {
			t.Errorf("secrets (-before +after):\n%s", diff)
		}
		events, _, err := audit.Find(t.Context(), f.DB, audit.Search{Project: f.id, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]any{"connector/CI1/configuration/password"}, events[0].Details["carriedSecrets"]); diff != "" {
			t.Errorf("carriedSecrets (-want +got):\n%s", diff)
		}
	})
}
