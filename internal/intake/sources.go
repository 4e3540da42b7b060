package intake

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/password"
)

// A reader takes values of a row, and remembers the first that is not as it must be.
type reader struct {
	row
	err error
}

func (r *reader) text(names ...string) string {
	for _, name := range names {
		s, err := r.row.text(name)
		r.note(err)
		if s != "" {
			return s
		}
	}
	return ""
}

// given is text, or nil where there is none.
func (r *reader) given(names ...string) *string {
	if s := r.text(names...); s != "" {
		return &s
	}
	return nil
}

func (r *reader) flag(name string) *bool {
	v, err := r.row.flag(name)
	r.note(err)
	return v
}

func (r *reader) list(name string) []string {
	v, err := r.row.list(name)
	r.note(err)
	return v
}

func (r *reader) object(name string) map[string]any {
	v, err := r.row.object(name)
	r.note(err)
	return v
}

// when is a time in Unix seconds: one that is written as RFC 3339 has it, or a number of
// seconds or milliseconds; 0 where there is none.
func (r *reader) when(name string) int64 {
	s := r.text(name)
	if s == "" {
		return 0
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.Unix()
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || n > 1e14 {
		r.note(errForm{name, "a time"})
		return 0
	}
	if n > 1e11 { // the year 5138 in seconds, and 1973 in milliseconds
		n /= 1000
	}
	return int64(n)
}

func (r *reader) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

func is(flag *bool) bool { return flag != nil && *flag }

// auth0Person reads a user of Auth0: of the export of users, in JSON or CSV with either
// spelling of its names, or of the management API.
func auth0Person(one row, _ *common) (Person, error) {
	r := &reader{row: one}
	id := r.text("userid", "id")
	p := Person{
		Name: r.given("name"), GivenName: r.given("givenname"), FamilyName: r.given("familyname"), Picture: r.given("picture"),
		Email: r.given("email"), Phone: r.given("phonenumber"), VerifiedEmail: r.flag("emailverified"), VerifiedPhone: r.flag("phoneverified"),
		Disabled: is(r.flag("blocked")), Created: r.when("createdat"), Metadata: map[string]any{},
	}
	for _, name := range []string{"usermetadata", "appmetadata"} {
		maps.Copy(p.Metadata, r.object(name))
	}
	p.LoginIDs = loginIDs(r.text("email"), r.text("username"), r.text("phonenumber"), id)
	p.LoginIDs = unique(append(p.LoginIDs, r.text("username"), id)...)
	if p.ids = unique(id); id == "" || strings.HasPrefix(id, "auth0|") { // else the address is of another account
		p.ids = unique(id, r.text("email"))
	}
	if h := r.text("passwordhash"); h != "" {
		p.Hash = &password.Import{Bcrypt: &password.ImportText{Hash: h}}
	}
	if r.there("custompasswordhash") {
		r.note(errors.New("a custom_password_hash is not read; give the hash with the source descope"))
	}
	return p, r.err
}

// loginIDs is the first one that there is: what people sign in with.
func loginIDs(list ...string) []string {
	if all := unique(list...); len(all) > 0 {
		return all[:1]
	}
	return nil
}

// auth0Hash reads a record of the password hashes that Auth0 gives out on demand.
func auth0Hash(one row) ([]string, *password.Import, error) {
	r := &reader{row: one}
	ids := []string{}
	if one["id"].Kind() == '{' {
		if oid, _ := r.object("id")["$oid"].(string); oid != "" {
			ids = append(ids, "auth0|"+oid)
		}
	} else if id := r.text("id", "userid"); id != "" {
		ids = append(ids, id)
		if !strings.Contains(id, "|") {
			ids = append(ids, "auth0|"+id)
		}
	}
	ids = unique(append(ids, r.text("email"), r.text("username"))...)
	h := r.text("passwordhash")
	if h == "" {
		r.note(errors.New("the record has no passwordHash"))
	}
	return ids, &password.Import{Bcrypt: &password.ImportText{Hash: h}}, r.err
}

// cognitoPerson reads a user of Amazon Cognito: a line of the CSV of a user pool, or a
// user of ListUsers. Cognito gives out no passwords.
func cognitoPerson(one row, _ *common) (Person, error) {
	attributes := []struct{ Name, Value string }{}
	if one.there("attributes") {
		if err := json.Unmarshal(one["attributes"], &attributes, json.MatchCaseInsensitiveNames(true)); err != nil {
			return Person{}, errForm{"Attributes", "a list of names and values"}
		}
	}
	p := Person{Metadata: map[string]any{}}
	for _, a := range attributes {
		if one[plain(a.Name)] == nil {
			text, err := json.Marshal(a.Value)
			if err != nil {
				return Person{}, errForm{"Attributes", "a list of names and values"}
			}
			one[plain(a.Name)] = text
		}
		if name, ok := strings.CutPrefix(a.Name, "custom:"); ok {
			p.Metadata[name] = a.Value
		}
	}
	r := &reader{row: one}
	p.Name, p.GivenName, p.MiddleName, p.FamilyName, p.Picture = r.given("name"), r.given("givenname"), r.given("middlename"), r.given("familyname"), r.given("picture")
	p.Email, p.Phone = r.given("email"), r.given("phonenumber")
	p.VerifiedEmail, p.VerifiedPhone = r.flag("emailverified"), r.flag("phonenumberverified")
	enabled := r.flag("enabled")
	p.Disabled = enabled != nil && !*enabled
	name := r.text("cognito:username", "username")
	p.LoginIDs = unique(append(loginIDs(r.text("email"), r.text("phonenumber"), name), name, r.text("sub"))...)
	return p, r.err
}

// descopePerson reads a user as a search of the management API gives them out, as
// create/batch takes them, or a line of CSV with these names.
func descopePerson(one row, _ *common) (Person, error) {
	r := &reader{row: one}
	p := Person{
		Name: r.given("displayname", "name"), GivenName: r.given("givenname"), MiddleName: r.given("middlename"), FamilyName: r.given("familyname"), Picture: r.given("picture"),
		Email: r.given("email"), Phone: r.given("phone"), VerifiedEmail: r.flag("verifiedemail"), VerifiedPhone: r.flag("verifiedphone"),
		Disabled: key(r.text("status")) == "disabled", Created: r.when("createdtime"), Roles: r.list("rolenames"), Custom: r.object("customattributes"), Tenants: tenants(r),
	}
	p.LoginIDs = unique(append(append([]string{r.text("loginid", "identifier")}, r.list("loginids")...), append(r.list("additionalidentifiers"), r.list("additionalloginids")...)...)...)
	if len(p.LoginIDs) == 0 {
		p.LoginIDs = loginIDs(r.text("email"), r.text("phone"))
	}
	p.ids = p.LoginIDs
	var clear string
	if one["password"].Kind() == '"' || one["password"].Kind() == '0' { // a search has only whether there is one
		clear = r.text("password")
	}
	var err error
	p.Hash, err = hashIn(r)
	r.note(err)
	if h, ok := hashText(clear); ok && p.Hash == nil {
		p.Hash = h
	} else {
		p.Password = clear
	}
	return p, r.err
}

// tenants are those of a user: objects with the roles there, or ids.
func tenants(r *reader) (out []Tenant) {
	var list []struct {
		ID    string   `json:"tenantId"`
		Roles []string `json:"roleNames"`
	}
	if !r.there("usertenants") || r.row["usertenants"].Kind() == '"' {
		for _, id := range append(r.list("usertenants"), r.list("tenantids")...) {
			out = append(out, Tenant{ID: id})
		}
		return out
	}
	if err := json.Unmarshal(r.row["usertenants"], &list); err != nil {
		r.note(errForm{"userTenants", "a list of tenants with their roles"})
	}
	for _, t := range list {
		out = append(out, Tenant{t.ID, t.Roles})
	}
	return out
}

// hashIn returns the hash that a row has: as create/batch takes it, or a text that says
// itself what it is.
func hashIn(r *reader) (*password.Import, error) {
	if v := r.row["hashedpassword"]; r.there("hashedpassword") && v.Kind() == '{' {
		h := &password.Import{}
		if err := json.Unmarshal(v, h); err != nil {
			return nil, errForm{"hashedPassword", "a hash of a kind that is known"}
		}
		return h, nil
	}
	text := r.text("hashedpassword", "passwordhash", "hash")
	if text == "" {
		return nil, nil
	}
	if h, ok := hashText(text); ok {
		return h, nil
	}
	return nil, errors.New("the hash does not begin as one of bcrypt, argon2, Django or phpass; give it as hashedPassword with its parts")
}

func descopeHash(one row) ([]string, *password.Import, error) {
	r := &reader{row: one}
	ids := unique(r.text("loginid", "identifier", "email"), r.text("userid"))
	h, err := hashIn(r)
	r.note(err)
	if h == nil {
		r.note(errors.New("the record has no hash"))
	}
	return ids, h, r.err
}

// hashText reads a hash that says itself what it is.
func hashText(s string) (*password.Import, bool) {
	begins := func(list ...string) bool {
		for _, prefix := range list {
			if strings.HasPrefix(s, prefix) {
				return true
			}
		}
		return false
	}
	switch {
	case begins("$2a$", "$2b$", "$2y$"):
		return &password.Import{Bcrypt: &password.ImportText{Hash: s}}, true
	case begins("$argon2"):
		return &password.Import{Django: &password.ImportText{Hash: "argon2" + s}}, true
	case begins("pbkdf2_sha256$", "pbkdf2_sha1$", "argon2$", "bcrypt$", "bcrypt_sha256$", "scrypt$"):
		return &password.Import{Django: &password.ImportText{Hash: s}}, true
	case begins("$P$", "$H$", "$S$"):
		return &password.Import{Phpass: &password.ImportPhpass{Hash: s}}, true
	}
	return nil, false
}
