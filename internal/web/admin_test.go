package web

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/signature"
	"postern/internal/store"
	"postern/internal/testkit"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		other, err := b.Projects.Create(t.Context(), operator, project.New{Name: "Other"})
		if err != nil {
			t.Fatal(err)
		}
		whole, _ := b.key(t, mgmtkey.Admin)
		in := b.enterAs(t, mgmtkey.Admin, b.project)
		if page := in.page(t, "/console/keys"); strings.Contains(page, whole.ID) || strings.Contains(page, other.ID) || strings.Contains(page, `value="all"`) {
			t.Error("an admin of one project sees more than its keys")
		}
		_, page := in.post(t, "/console/keys", url.Values{"name": {"ci"}, "role": {"plan"}, "project": {b.project}, "days": {"30"}, "addresses": {"127.0.0.1 192.0.2.0/24"}})
		found := regexp.MustCompile(`class="cleartext"[^>]*>(K[0-9A-Za-z]+)<`).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("no key was made:\n%s", page)
		}
		id := found[1][:28]
		if page := in.page(t, "/console/keys"); strings.Contains(page, found[1]) || !strings.Contains(page, id) {
			t.Error("the cleartext is shown again, or the key is not")
		}
		made := b.enterWith(t, found[1])
		if k, err := b.Keys.Get(t.Context(), id); err != nil || len(k.PermittedIPs) != 2 || k.ExpiresAt.IsZero() || k.RoleIn(b.project) != mgmtkey.Plan || k.CompanyRole() != mgmtkey.None {
			t.Errorf("the key is %+v, %v", k, err)
		}
		for name, form := range map[string]url.Values{
			"for all projects":    {"name": {"x"}, "role": {"read"}, "project": {"all"}},
			"for another project": {"name": {"x"}, "role": {"read"}, "project": {other.ID}},
			"for no project":      {"name": {"x"}, "role": {"read"}},
			"a blank project":     {"name": {"x"}, "role": {"read"}, "project": {""}},
			"no role":             {"name": {"x"}, "project": {b.project}},
			"no number of days":   {"name": {"x"}, "role": {"read"}, "project": {b.project}, "days": {"-1"}},
			"no address":          {"name": {"x"}, "role": {"read"}, "project": {b.project}, "addresses": {"here"}},
		} {
			if res, body := in.post(t, "/console/keys", form); res.StatusCode < 400 || strings.Contains(body, "cleartext") {
				t.Errorf("a key %s: %d", name, res.StatusCode)
			}
		}
		for _, path := range []string{"/console/keys/" + whole.ID, "/console/keys/" + whole.ID + "/revoke"} {
			if res, _ := in.post(t, path, url.Values{"status": {"inactive"}}); res.StatusCode != http.StatusNotFound {
				t.Errorf("%s of a key that is not its own to manage: %d", path, res.StatusCode)
			}
		}
		if res, _ := in.post(t, "/console/keys/"+id, url.Values{"status": {"inactive"}}); res.StatusCode != http.StatusSeeOther {
			t.Errorf("deactivate: %d", res.StatusCode)
		}
		if res, _ := made.get(t, "/console/"); res.StatusCode != http.StatusSeeOther {
			t.Errorf("the session of a key out of use goes on: %d", res.StatusCode)
		}
		if res, _ := in.post(t, "/console/keys/"+id+"/revoke", nil); res.StatusCode != http.StatusSeeOther {
			t.Errorf("revoke: %d", res.StatusCode)
		}
		if _, err := b.Keys.Get(t.Context(), id); err == nil {
			t.Error("the key is still there")
		}
		by := in.caller(t)
		want := []string{by + " managementkey.delete done", by + " managementkey.update done"}
		if got := b.events(t, ""); !slices.Equal(got[:2], want) {
			t.Errorf("recorded: %q, want first %q", got, want)
		}
		// The cleartext is in the one answer that made it.
		if n := strings.Count(in.seen.String(), found[1]); n != 1 {
			t.Errorf("the cleartext was shown %d times", n)
		}
	})
}

// caller is the id of the key of a session: that of the newest sign-in but one.
func (in *browser) caller(t *testing.T) string {
	t.Helper()
	keys, err := in.Keys.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.RoleIn(in.project) == mgmtkey.Admin && k.CompanyRole() == mgmtkey.None {
			return k.ID
		}
	}
	t.Fatal("there is no such key")
	return ""
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		in := b.enterAs(t, mgmtkey.Admin)
		key, _, err := signature.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		public, err := key.Public()
		if err != nil {
			t.Fatal(err)
		}
		signed := project.Policy{Signers: []signature.Signer{{Name: "release", Key: public}}, RequireSigned: true}
		if err := b.Projects.SetPolicy(t.Context(), operator, b.project, signed); err != nil {
			t.Fatal(err)
		}
		res, _ := in.post(t, b.in("/policy"), url.Values{"protected": {"flows\r\n\r\n connector:Mail \r\n"}, "maxRemovals": {"3"}, "weakening": {"leave"}})
		policy, err := b.Projects.Policy(t.Context(), b.project)
		if res.StatusCode != http.StatusSeeOther || err != nil || len(policy.Protected) != 2 || policy.MaxRemovals == nil || *policy.MaxRemovals != 3 || policy.Weakening != project.Leave || !policy.RequireSigned || len(policy.Signers) != 1 {
			t.Errorf("%d, %+v, %v", res.StatusCode, policy, err)
		}
		mustHave(t, in.page(t, b.in("/policy")), "connector:Mail\nflows", `value="3"`, `value="leave" selected`, "release="+string(public[:8]), `name="requireSigned" value="yes" checked`)
		for _, form := range []url.Values{
			{"protected": {"nothing"}, "weakening": {"allow"}},
			{"maxRemovals": {"many"}, "weakening": {"allow"}},
			{"maxRemovals": {"-1"}, "weakening": {"allow"}},
			{"weakening": {"never"}},
			{"protected": {"flows"}},
			{"weakening": {"allow"}, "signers": {"ed25519:" + strings.Repeat("A", 43)}},
			{"weakening": {"allow"}, "signers": {"release=" + string(public) + "x"}},
			{"weakening": {"allow"}, "signers": {" "}, "requireSigned": {"yes"}},
		} {
			if res, body := in.post(t, b.in("/policy"), form); res.StatusCode != http.StatusBadRequest {
				t.Errorf("%v: %d %s", form, res.StatusCode, body)
			}
		}
		if res, _ := in.post(t, b.in("/policy"), url.Values{"protected": {""}, "weakening": {"allow"}}); res.StatusCode != http.StatusSeeOther {
			t.Errorf("an empty policy: %d", res.StatusCode)
		}
		if policy, err = b.Projects.Policy(t.Context(), b.project); err != nil || len(policy.Protected) > 0 || policy.MaxRemovals != nil {
			t.Errorf("%+v, %v", policy, err)
		}
		if len(policy.Signers) != 1 || !policy.RequireSigned {
			t.Errorf("a form without signers changed them: %+v", policy)
		}
		other, _, err := signature.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		second, err := other.Public()
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			signers, required string
			want              project.Policy
		}{
			{"\r\n ci=" + string(second) + "\r\nrelease=" + string(public), "yes", project.Policy{Signers: []signature.Signer{{Name: "ci", Key: second}, {Name: "release", Key: public}}, RequireSigned: true}},
			{"ci=" + string(second), "", project.Policy{Signers: []signature.Signer{{Name: "ci", Key: second}}}},
			{"", "", project.Policy{Signers: []signature.Signer{}}},
		} {
			form := url.Values{"weakening": {"allow"}, "signers": {tt.signers}}
			if tt.required != "" {
				form.Set("requireSigned", tt.required)
			}
			if res, body := in.post(t, b.in("/policy"), form); res.StatusCode != http.StatusSeeOther {
				t.Errorf("%q: %d %s", tt.signers, res.StatusCode, body)
			}
			policy, err := b.Projects.Policy(t.Context(), b.project)
			if err != nil || policy.RequireSigned != tt.want.RequireSigned || !slices.Equal(policy.Signers, tt.want.Signers) {
				t.Errorf("%q: %+v, %v", tt.signers, policy, err)
			}
		}
		reader := b.enterAs(t, mgmtkey.Read, b.project)
		if page := reader.page(t, b.in("/policy")); strings.Contains(page, "Save the policy") {
			t.Error("a reader is offered what it may not do")
		}
	})
}

func TestAuditPage(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	in := b.enterAs(t, mgmtkey.Admin)
	for range perPage {
		if err := b.Projects.Rename(t.Context(), operator, b.project, "Again"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Projects.Rename(t.Context(), operator, b.project, "<i>Shop</i>"); err != nil {
		t.Fatal(err)
	}
	page := in.page(t, b.in("/audit"))
	mustHave(t, page, "Older records", "&lt;i&gt;Shop")
	if strings.Contains(page, "<i>") {
		t.Error("a name is written as markup")
	}
	mustHave(t, in.page(t, b.in("/audit?page=1")), "project.create")
	mustHave(t, in.page(t, b.in("/audit?outcome=failed")), "Nothing was found")
	mustHave(t, in.page(t, b.in("/audit?text=create")), "1 record,")
	if res, _ := in.get(t, b.in("/audit?page=x")); res.StatusCode != http.StatusNotFound {
		t.Errorf("page x: %d", res.StatusCode)
	}
}
