package project

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/signature"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// signer makes a key, and what a policy says of it.
func signer(t testing.TB, name string) (signature.Key, signature.Signer) {
	t.Helper()
	key, _, err := signature.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	return key, signature.Signer{Name: name, Key: public}
}

func sign(t testing.TB, key signature.Key, up *snapshot.Upload, scope signature.Scope) *snapshot.Upload {
	t.Helper()
	content, err := key.Sign(up.Signed(), scope)
	if err != nil {
		t.Fatal(err)
	}
	up.Files[snapshot.SignatureFile] = content
	return up
}

// Where only signed snapshots are taken, every way in asks for the signature, and
// the revision and the audit say whose it was.
func TestOnlyWhatIsSignedGetsIn(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		key, release := signer(t, "release")
		f.load(t, small("a", "one"))
		f.guard(t, Policy{Signers: []signature.Signer{release}, RequireSigned: true})

		before := testkit.Rows(t, f.DB)
		if plan := f.plan(t, small("b", "one")); !plan.Failed() || plan.Digest != (snapshot.Digest{}) || len(plan.Differences) == 0 {
			t.Errorf("the plan: %+v", plan)
		}
		if r, err := f.Validate(t.Context(), Import{Project: f.id, Upload: small("b", "one")}); err != nil || !r.Failed() {
			t.Errorf("the validation: %+v, %v", r, err)
		}
		f.same(t, before)
		for _, kind := range []Kind{KindImport, KindInfra} {
			_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small("b", "one"), Kind: kind})
			if diff := cmp.Diff([]string{"unsigned "}, codes(err)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", kind, diff)
			}
		}

		up := sign(t, key, small("b", "one"), signature.Scope{Projects: []string{f.id}})
		plan := f.plan(t, up.Clone())
		up.Plan = plan.Digest.String()
		two := f.load(t, up)
		files, rev := f.export(t, f.id, snapshot.FormatPlain)
		if rev.SignedBy == nil || *rev.SignedBy != release || files[snapshot.SignatureFile] != nil {
			t.Errorf("revision %d is signed by %+v; files %v", two.Revision, rev.SignedBy, files.Paths())
		}
		events, _, err := audit.Find(t.Context(), f.DB, audit.Search{Project: f.id, Limit: 1})
		if err != nil || !strings.Contains(fmt.Sprint(events[0].Details["signedBy"]), string(release.Key)) {
			t.Errorf("the audit does not say who signed: %v, %v", events, err)
		}

		// A signature is only good for what was signed, and where.
		up = sign(t, key, small("c", "one"), signature.Scope{Projects: []string{"P2other"}})
		_, err = f.Import(t.Context(), tester, Import{Project: f.id, Upload: up})
		if diff := cmp.Diff([]string{"signature_scope signature.json"}, codes(err)); diff != "" {
			t.Error(diff)
		}
		up = sign(t, key, small("c", "one"), signature.Scope{})
		up.Files["roles.json"] = []byte(`{"roles":[]}`)
		_, err = f.Import(t.Context(), tester, Import{Project: f.id, Upload: up})
		if diff := cmp.Diff([]string{"signature_files roles.json"}, codes(err)); diff != "" {
			t.Error(diff)
		}
	})
}

// A rollback needs a revision whose signer is trusted now; what waits for a
// confirmation goes back without.
func TestARollbackGoesToWhatWasSigned(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		key, release := signer(t, "release")
		otherKey, other := signer(t, "other")
		f.load(t, small("a", "one"))                                       // 1
		f.load(t, sign(t, key, small("b", "one"), signature.Scope{}))      // 2
		f.load(t, sign(t, otherKey, small("c", "one"), signature.Scope{})) // 3
		f.guard(t, Policy{Signers: []signature.Signer{release}, RequireSigned: true})

		for _, number := range []int64{1, 3} {
			_, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: number})
			if diff := cmp.Diff([]string{"unsigned "}, codes(err)); diff != "" {
				t.Errorf("to %d (-want +got):\n%s", number, diff)
			}
		}
		if plan, err := f.PlanRollback(t.Context(), Rollback{Project: f.id, Revision: 1}); err != nil || !plan.Failed() {
			t.Errorf("%+v, %v", plan, err)
		}
		res, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 2})
		if err != nil {
			t.Fatal(explain(err))
		}
		if _, rev := f.export(t, f.id, snapshot.FormatPlain); rev.Number != res.Revision || rev.SignedBy == nil || *rev.SignedBy != release {
			t.Errorf("%+v", rev)
		}

		f.guard(t, Policy{})
		f.load(t, small("d", "one"))
		waits := f.try(t, small("e", "one"), "10m")
		f.guard(t, Policy{Signers: []signature.Signer{release, other}, RequireSigned: true})
		if _, err := f.Undo(t.Context(), tester, f.id, waits.Revision); err != nil {
			t.Errorf("it does not go back: %v", explain(err))
		}
	})
}

func TestAPolicyNamesSignersThatCanBeToldApart(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	_, one := signer(t, "one")
	_, two := signer(t, "two")
	for name, p := range map[string]Policy{
		"nobody could sign":    {RequireSigned: true},
		"a name twice":         {Signers: []signature.Signer{one, {Name: "one", Key: two.Key}}},
		"a key twice":          {Signers: []signature.Signer{one, {Name: "two", Key: one.Key}}},
		"a name that is blank": {Signers: []signature.Signer{{Key: one.Key}}},
		"a key that is none":   {Signers: []signature.Signer{{Name: "one", Key: "ed25519:AAAA"}}},
	} {
		if err := f.SetPolicy(t.Context(), tester, f.id, p); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: got %v, want %v", name, err, ErrPolicy)
		}
	}
	f.guard(t, Policy{Signers: []signature.Signer{two, one}, RequireSigned: true})
	p, err := f.Policy(t.Context(), f.id)
	if err != nil || !slices.Equal(p.Signers, []signature.Signer{one, two}) || !p.RequireSigned {
		t.Errorf("%+v, %v", p, err)
	}
}
