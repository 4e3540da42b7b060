package intake

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"postern/internal/password"
)

// firebaseParams are how Firebase hashes the passwords of one project: "Password hash
// parameters" of its console.
type firebaseParams struct {
	signerKey, saltSeparator string
	rounds, memory           int
}

// firebasePerson reads a user of the JSON that auth:export of the Firebase CLI writes.
func firebasePerson(one row, shared *common) (Person, error) {
	r := &reader{row: one}
	id := r.text("localid")
	p := Person{
		Name: r.given("displayname"), Picture: r.given("photourl"), Email: r.given("email"), Phone: r.given("phonenumber"), VerifiedEmail: r.flag("emailverified"),
		Disabled: is(r.flag("disabled")), Created: r.when("createdat"), Metadata: r.object("customattributes"), ids: unique(id),
	}
	if p.Phone != nil { // Firebase has no number that was not proven
		yes := true
		p.VerifiedPhone = &yes
	}
	p.LoginIDs = unique(append(loginIDs(r.text("email"), r.text("phonenumber"), id), id)...)
	hash := r.text("passwordhash")
	switch {
	case hash == "" || r.err != nil:
	case shared.params == nil:
		r.note(errors.New("the hash of the password needs the hash parameters of the project, as the file of hashes"))
	default:
		f := shared.params
		p.Hash = &password.Import{Firebase: &password.ImportFirebase{
			Hash: standard(hash), Salt: standard(r.text("salt")), SaltSeparator: f.saltSeparator, SignerKey: f.signerKey, Rounds: f.rounds, Memory: f.memory,
		}}
	}
	return p, r.err
}

// standard is base64 in the usual alphabet: exports have the one for URLs, too.
func standard(s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) }

// readFirebaseParams reads the hash parameters: JSON, or the text of the console, in
// which names and values have a colon between them.
func readFirebaseParams(text []byte) (*common, error) {
	if len(text) > 16<<10 {
		return nil, errors.New("it is too large for hash parameters")
	}
	if !bytes.Contains(text, []byte("base64_signer_key")) {
		return nil, errors.New("it has no hash parameters; copy them from the console of Firebase")
	}
	value := func(name string) string {
		m := regexp.MustCompile(`"?\b` + name + `"?\s*[:=]\s*"?([A-Za-z0-9+/=_-]*)`).FindSubmatch(text)
		if m == nil {
			return ""
		}
		return string(m[1])
	}
	number := func(name string) int {
		n, err := strconv.Atoi(value(name))
		if err != nil {
			return 0
		}
		return n
	}
	if a := value("algorithm"); a != "" && a != "SCRYPT" {
		return nil, errors.New("its algorithm is not SCRYPT")
	}
	f := &firebaseParams{standard(value("base64_signer_key")), standard(value("base64_salt_separator")), number("rounds"), number("mem_cost")}
	if f.signerKey == "" || f.rounds <= 0 || f.memory <= 0 {
		return nil, errors.New("it lacks base64_signer_key, rounds or mem_cost")
	}
	return &common{params: f}, nil
}
