package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/audit"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	sessions "postern/internal/session" // the console has sessions of its own
	"postern/internal/signature"
	"postern/internal/snapshot"
)

type policyPage struct {
	page
	Protected   string // one a line
	Signers     string // likewise
	MaxRemovals string
	Keys        []string // the exclude keys
	Weakening   project.Weakening
	Policy      project.Policy
	Weakenings  []project.Weakening
}

func (s *Server) policy(w http.ResponseWriter, v *visit) error {
	policy, err := s.Projects.Policy(v.r.Context(), v.caller.Project)
	if err != nil {
		return err
	}
	var lines []string
	for _, p := range policy.Protected {
		lines = append(lines, string(p))
	}
	var signers []string
	for _, s := range policy.Signers {
		signers = append(signers, s.String())
	}
	p := policyPage{page: page{Title: "Policy", Tab: "policy"}, Protected: strings.Join(lines, "\n"), Signers: strings.Join(signers, "\n"), Keys: snapshot.ExcludeKeys(), Weakenings: project.Weakenings}
	p.Policy, p.Weakening = policy, cmp.Or(policy.Weakening, project.Allow)
	if policy.MaxRemovals != nil {
		p.MaxRemovals = strconv.Itoa(*policy.MaxRemovals)
	}
	if v.r.URL.Query().Get("done") != "" {
		p.Done = "The policy was saved."
	}
	if err := s.of(v, &p.page); err != nil {
		return err
	}
	return s.show(w, v, http.StatusOK, "policy", &p)
}

func (s *Server) setPolicy(w http.ResponseWriter, v *visit) error {
	if err := v.form(w); err != nil {
		return err
	}
	policy, err := s.Projects.Policy(v.r.Context(), v.caller.Project) // what the form does not show stays as it is
	if err != nil {
		return err
	}
	policy.Protected, policy.MaxRemovals, policy.Weakening = []snapshot.Protection{}, nil, project.Weakening(v.r.PostForm.Get("weakening"))
	if policy.Weakening == "" {
		return errForm // a form of an older page must not loosen it
	}
	for line := range strings.Lines(v.r.PostForm.Get("protected")) {
		if text := strings.TrimSpace(line); text != "" {
			policy.Protected = append(policy.Protected, snapshot.Protection(text))
		}
	}
	if text := strings.TrimSpace(v.r.PostForm.Get("maxRemovals")); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return project.ErrPolicy.WithMessage("the number of removals must be a whole number, or blank for any")
		}
		policy.MaxRemovals = &n
	}
	if _, asked := v.r.PostForm["signers"]; asked { // neither may a form without them
		if err := setSigners(&policy, v.r.PostForm); err != nil {
			return err
		}
	}
	if err := s.Projects.SetPolicy(v.r.Context(), v.caller.Origin, v.caller.Project, policy); err != nil {
		return err
	}
	return redirect(w, v.r, projectPath(v.caller.Project)+"/policy?done=saved")
}

// setSigners reads whom the policy trusts, one a line, and whether it takes
// nothing else.
func setSigners(policy *project.Policy, form url.Values) error {
	policy.Signers, policy.RequireSigned = []signature.Signer{}, form.Get("requireSigned") != ""
	for line := range strings.Lines(form.Get("signers")) {
		text := strings.TrimSpace(line)
		if text == "" {
			continue
		}
		signer, err := signature.ParseSigner(text)
		if err != nil {
			return project.ErrPolicy.WithMessage("the policy is not valid: " + err.Error()).WithHint("a line looks like release=ed25519:…; postern sign public FILE prints the key")
		}
		policy.Signers = append(policy.Signers, signer)
	}
	return nil
}

type auditRow struct {
	audit.Event
	By      string
	Details string
}

type auditPage struct {
	page
	Rows    []auditRow
	Text    string
	Outcome string
	Total   int
	Next    int // the number of the next page, or 0
	From    int // the first that is shown, from 1
}

func (s *Server) audit(w http.ResponseWriter, v *visit) error {
	q := v.r.URL.Query()
	number, err := strconv.Atoi(cmp.Or(q.Get("page"), "0"))
	if err != nil || number < 0 || number > 1_000_000 {
		return errNoPage
	}
	p := auditPage{page: page{Title: "Audit", Tab: "audit"}, Text: q.Get("text"), Outcome: q.Get("outcome"), From: number*perPage + 1}
	if err := s.of(v, &p.page); err != nil {
		return err
	}
	search := audit.Search{
		Project: v.caller.Project, Text: p.Text, Limit: perPage, Offset: number * perPage, People: v.caller.SeesPeople(),
	}
	if p.Outcome != "" {
		search.Outcomes = []string{p.Outcome}
	}
	events, total, err := audit.Find(v.r.Context(), s.Projects.DB, search, sessions.Logins())
	if err != nil {
		return err
	}
	var ids []string
	for _, e := range events {
		ids = append(ids, e.Actor)
	}
	names, err := s.Keys.Names(v.r.Context(), ids)
	if err != nil {
		return err
	}
	for _, e := range events {
		details, err := json.Marshal(e.Details, json.Deterministic(true), jsontext.WithIndent("  "))
		if err != nil {
			return err
		}
		p.Rows = append(p.Rows, auditRow{e, cmp.Or(names[e.Actor], e.Actor), string(details)})
	}
	if p.Total = total; (number+1)*perPage < total {
		p.Next = number + 1
	}
	return s.show(w, v, http.StatusOK, "audit", &p)
}

type keyRow struct {
	mgmtkey.Key
	May []string // its roles, in words
	Own bool     // it is the one that the visitor signed in with
}

type keysPage struct {
	page
	Keys     []keyRow
	Projects []project.Project // that a new key may be for
	Whole    bool              // a new key may be for all of them
	Roles    []string
	Made     string // the cleartext of a key that was just made
	MadeName string
}

func (s *Server) keys(w http.ResponseWriter, v *visit) error { return s.showKeys(w, v, "", "") }

// showKeys shows the keys that the visitor may manage; made is the cleartext of
// a new one, which is in this answer only.
func (s *Server) showKeys(w http.ResponseWriter, v *visit, made, name string) error {
	all, err := s.Keys.List(v.r.Context())
	if err != nil {
		return err
	}
	projects, err := s.Projects.List(v.r.Context())
	if err != nil {
		return err
	}
	by := v.caller.Key
	p := keysPage{page: page{Title: "Keys"}, Made: made, MadeName: name, Whole: by.CompanyRole() >= mgmtkey.Admin}
	names := map[string]string{}
	for _, one := range projects {
		names[one.ID] = one.Name
		if by.RoleIn(one.ID) >= mgmtkey.Admin {
			p.Projects = append(p.Projects, one)
		}
	}
	for r := mgmtkey.Read; r <= mgmtkey.Admin; r++ {
		p.Roles = append(p.Roles, r.String())
	}
	for _, k := range all {
		if by.Manages(k.Grants) {
			p.Keys = append(p.Keys, keyRow{k, grantWords(k, names), k.ID == by.ID})
		}
	}
	return s.show(w, v, http.StatusOK, "keys", &p)
}

func grantWords(k mgmtkey.Key, names map[string]string) []string {
	var out []string
	for _, g := range k.Grants {
		if len(g.Projects) == 0 {
			out = append(out, g.Role.String()+" in all projects")
		}
		for _, id := range g.Projects {
			out = append(out, g.Role.String()+" in "+cmp.Or(names[id], id))
		}
	}
	return out
}

func (s *Server) makeKey(w http.ResponseWriter, v *visit) error {
	if err := v.form(w); err != nil {
		return err
	}
	in := v.r.PostForm
	role, err := mgmtkey.ParseRole(in.Get("role"))
	if err != nil {
		return err
	}
	grant := mgmtkey.Grant{Role: role}
	if id := in.Get("project"); id != "all" {
		grant.Projects = []string{id} // a blank one is refused below
	}
	if !v.caller.Key.Manages([]mgmtkey.Grant{grant}) {
		return mgmtkey.ErrTooWeak
	}
	create := mgmtkey.Create{Name: in.Get("name"), Description: in.Get("description"), Grants: []mgmtkey.Grant{grant}, Maker: v.caller.Key}
	if create.PermittedIPs, err = mgmtkey.ParseAddresses(strings.Fields(in.Get("addresses"))); err != nil {
		return err
	}
	if text := strings.TrimSpace(in.Get("days")); text != "" {
		days, err := strconv.Atoi(text)
		if err != nil || days < 1 || days > 3650 {
			return mgmtkey.ErrInvalid.WithMessage("a management key expires after 1 to 3650 days, or never")
		}
		create.ExpiresAt = time.Now().AddDate(0, 0, days)
	}
	k, cleartext, err := s.Keys.Create(v.r.Context(), v.caller.Origin, create)
	if err != nil {
		return err
	}
	return s.showKeys(w, v, cleartext.Reveal(), k.Name)
}

// changeKey takes a key out of use, or into use again.
func (s *Server) changeKey(w http.ResponseWriter, v *visit) error {
	return s.onKey(w, v, func(ctx context.Context, id string) error {
		status := v.r.PostForm.Get("status")
		if !slices.Contains([]string{mgmtkey.Active, mgmtkey.Inactive}, status) {
			return errForm
		}
		_, err := s.Keys.Update(ctx, v.caller.Origin, id, mgmtkey.Update{Status: &status, Maker: v.caller.Key})
		return err
	})
}

func (s *Server) revokeKey(w http.ResponseWriter, v *visit) error {
	return s.onKey(w, v, func(ctx context.Context, id string) error {
		n, err := s.Keys.Delete(ctx, v.caller.Origin, id)
		if err == nil && n == 0 {
			err = mgmtkey.ErrNotFound
		}
		return err
	})
}

// onKey does something to the key that the path names, if the visitor may manage
// it.
func (s *Server) onKey(w http.ResponseWriter, v *visit, do func(context.Context, string) error) error {
	if err := v.form(w); err != nil {
		return err
	}
	k, err := s.Keys.Visible(v.r.Context(), v.caller.Key, v.r.PathValue("key"))
	if err != nil {
		return err
	}
	if err := do(v.r.Context(), k.ID); err != nil {
		return fmt.Errorf("key %s: %w", k.ID, err)
	}
	return redirect(w, v.r, Root+"/keys")
}
