package snapshot

import "time"

// A rule is what a document says that a schema cannot: values that contradict
// each other. A rule reads the document after it was joined with the target's.
type rule struct {
	schema string
	check  func(doc map[string]any, breach breach)
}

// breach reports that a rule does not hold, at a pointer.
type breach func(pointer, hint, message string)

var rules = []rule{
	{"project", func(doc map[string]any, breach breach) {
		session, ok1 := timeOf(doc, "sessionTokenExpiration")
		refresh, ok2 := timeOf(doc, "refreshTokenExpiration")
		if ok1 && ok2 && session > refresh {
			breach("/sessionTokenExpiration", "make it at most as long as refreshTokenExpiration", "a session token must not live longer than the refresh token")
		}
	}},
	{"project", func(doc map[string]any, breach breach) {
		if isZero(doc["testUserFixedAuthToken"]) != isZero(doc["testUserFixedAuthVerifierRegex"]) {
			breach("/testUserFixedAuthToken", "give both or neither", "a fixed code for test users needs the pattern of those who may use it")
		}
	}},
	{"auth-sso", func(doc map[string]any, breach breach) {
		if doc["hideSsoSuiteSaml"] == true && doc["hideSsoSuiteOidc"] == true {
			breach("/hideSsoSuiteOidc", "show one of them", "SAML and OpenID Connect are both hidden in the SSO suite")
		}
		if doc["hideSsoSuiteDomains"] == true && doc["ssoSuiteForceDomainVerification"] == true {
			breach("/ssoSuiteForceDomainVerification", "show the domains, or do not force their verification", "hidden domains cannot be verified")
		}
	}},
}

func timeOf(doc map[string]any, member string) (time.Duration, bool) {
	n, ok := doc[member].(float64)
	unit, _ := doc[member+"Unit"].(string)
	if !ok || n == 0 {
		return 0, false
	}
	return Duration(n, unit)
}

// rules holds the documents of the upload against the rules.
func (c *checker) rules(d *draft) {
	for _, path := range d.paths {
		for _, r := range rules {
			if r.schema != d.docs[path].at.File.Schema {
				continue
			}
			if doc, ok := d.docs[path].value().(map[string]any); ok {
				r.check(doc, func(pointer, hint, message string) {
					c.ps.add(Error, path, pointer, CodeRule, hint, "%s", message)
				})
			}
		}
	}
	c.twice(d)
}

// twice reports entities of one kind with the same id or name in one place,
// and those that would share an id in the target.
func (c *checker) twice(d *draft) {
	ids, namesSeen, final := map[nameKey]*Entity{}, map[nameKey]*Entity{}, map[nameKey]*Entity{}
	for _, f := range d.kept {
		for _, e := range f.entities {
			final[nameKey{e.Kind, e.scope, e.ID}] = e
		}
	}
	d.incoming(func(e *Entity) { // a path is there once, or was reported
		byID := nameKey{e.Kind, e.scope, e.sourced}
		if first := ids[byID]; first != nil && e.sourced != "" && e.word.ID != "$path" && !e.builtin() {
			c.ps.add(Error, e.file, e.pointer, CodeEntityTwice, "the other one is in "+first.file, "the id of %s %q is there twice", KindWords(e.Kind), e.label())
		}
		ids[byID] = e
		there := nameKey{e.Kind, e.scope, e.ID}
		if first := final[there]; first != nil && first.sourced != e.sourced && e.ID != "" && e.word.ID != "$path" && !e.builtin() {
			c.ps.add(Error, e.file, e.pointer, CodeEntityTwice, "give one of them another id", "%s %q would have the id of the one in %s", KindWords(e.Kind), e.label(), first.file)
		}
		final[there] = e
		if e.Name == "" || e.word.Match != "name" {
			return
		}
		if first := namesSeen[e.nameKey()]; first != nil {
			c.ps.add(Error, e.file, e.pointer, CodeEntityTwice, "the other one is in "+first.file, "the name of %s %q is there twice", KindWords(e.Kind), e.label())
		}
		namesSeen[e.nameKey()] = e
	})
}
