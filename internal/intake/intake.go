// Package intake reads files of people that other services give out, and says who is in
// them: JSON, JSON a line, or CSV, in the forms that those services publish.
//
// It reads and checks no more than the form. Whom a project takes, and what becomes of
// somebody who is there already, is the business of its callers.
package intake

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/internal/fault"
	"postern/internal/password"
)

// What callers are told.
var (
	ErrSource = fault.New(fault.Invalid, "E011003", "Request is invalid: the source is auth0, cognito, descope or firebase")
	ErrFile   = fault.New(fault.Invalid, "E011003", "Request is invalid: a file of users, or of their hashes, is needed")
	ErrMany   = fault.New(fault.Invalid, "E011003", "Request is invalid: the file has too many users for one call; send it in parts")
)

func unreadable(what string, err error) error {
	return ErrFile.WithMessage(fmt.Sprintf("Request is invalid: the file of %s cannot be read: %s", what, err))
}

// A Person is somebody in a file. What it does not say is nil or empty.
type Person struct {
	LoginIDs []string // what they are found by, the first one first; never empty

	Name, GivenName, MiddleName, FamilyName, Picture *string
	Email, Phone                                     *string
	VerifiedEmail, VerifiedPhone                     *bool
	Disabled                                         bool
	Created                                          int64 // when they came, in Unix seconds; 0 where it is not said

	Password string           // in clear
	Hash     *password.Import // of a password
	HashOnly bool             // the file has hashes only: the person is somewhere else

	Roles    []string
	Tenants  []Tenant
	Custom   map[string]any // custom attributes
	Metadata map[string]any // what may be a custom attribute, where there is one of that name

	ids []string // what the service knows them by, for their hash
}

// A Tenant is one that somebody belongs to.
type Tenant struct {
	ID    string
	Roles []string
}

// A Failure is somebody in a file who cannot be taken.
type Failure struct {
	User   string // how the file calls them, or which record it is
	Reason string
}

// A source reads the files of one service.
type source struct {
	person func(row, *common) (Person, error)
	// hash reads a record of the file of hashes, and whose it is; nil where that file is
	// of another kind.
	hash func(row) (ids []string, of *password.Import, err error)
	// begin reads a file of hashes that is of another kind.
	begin func(text []byte) (*common, error)
}

// common is what the records of one file have in common.
type common struct {
	params *firebaseParams
}

// sources are the services whose files are read, by the name of the wire.
func sources() map[string]source {
	return map[string]source{
		"auth0":    {person: auth0Person, hash: auth0Hash},
		"cognito":  {person: cognitoPerson},
		"descope":  {person: descopePerson, hash: descopeHash},
		"firebase": {person: firebasePerson, begin: readFirebaseParams},
	}
}

// Read reads the files of a service: one of users, one with the hashes of their
// passwords, or both. Whoever cannot be read is a failure and leaves the others alone. More
// than most users are refused.
func Read(service string, users, hashes []byte, most int) ([]Person, []Failure, error) {
	src, ok := sources()[strings.ToLower(service)]
	if !ok {
		return nil, nil, ErrSource.WithMessage("Request is invalid: the source is one of " + strings.Join(slices.Sorted(maps.Keys(sources())), ", "))
	}
	r := &reading{source: src, shared: &common{}, most: most, named: map[string]bool{}}
	if len(hashes) > 0 {
		if err := r.readHashes(hashes, len(users) == 0); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case len(users) > 0:
		if err := r.readUsers(users); err != nil {
			return nil, nil, err
		}
	case src.hash == nil || len(hashes) == 0:
		return nil, nil, ErrFile
	}
	return r.people, r.failures, nil
}

// reading is the files of one call.
type reading struct {
	source
	shared   *common
	most     int
	people   []Person
	failures []Failure
	named    map[string]bool             // login ids of the people
	hashes   map[string]*password.Import // by what the service knows people by
}

func (r *reading) full() error {
	if len(r.people)+len(r.failures) >= r.most {
		return ErrMany.WithMessage(fmt.Sprintf("Request is invalid: a call takes at most %d users; send the file in parts", r.most))
	}
	return nil
}

func (r *reading) readHashes(text []byte, only bool) (err error) {
	if r.begin != nil {
		if r.shared, err = r.begin(text); err != nil {
			return unreadable("hashes", err)
		}
		return nil
	}
	if r.hash == nil {
		return unreadable("hashes", fmt.Errorf("this service gives out none"))
	}
	r.hashes = map[string]*password.Import{}
	err = readRows(text, func(n int, one row, err error) error {
		var ids []string
		var of *password.Import
		if err == nil {
			ids, of, err = r.hash(one)
		}
		switch {
		case !only && err == nil:
			for _, id := range ids {
				r.hashes[key(id)] = of
			}
			return nil
		case !only: // whose it is shows with the users
			for _, id := range ids {
				r.hashes[key(id)] = &password.Import{}
			}
			return nil
		}
		if full := r.full(); full != nil {
			return full
		}
		r.add(n, one, Person{LoginIDs: ids, Hash: of, HashOnly: true}, err)
		return nil
	})
	return whole("hashes", err)
}

// whole says of an error that it is the file's.
func whole(what string, err error) error {
	if err == nil || fault.From(err).Kind == fault.Invalid {
		return err
	}
	return unreadable(what, err)
}

func (r *reading) readUsers(text []byte) error {
	return whole("users", readRows(text, func(n int, one row, err error) error {
		if full := r.full(); full != nil {
			return full
		}
		var p Person
		if err == nil {
			p, err = r.person(one, r.shared)
		}
		if err == nil && p.Hash == nil {
			p.Hash = r.hashOf(p)
		}
		r.add(n, one, p, err)
		return nil
	}))
}

// hashOf finds the hash of a person in the file of hashes.
func (r *reading) hashOf(p Person) *password.Import {
	for _, id := range p.ids {
		if h := r.hashes[key(id)]; h != nil {
			return h
		}
	}
	return nil
}

// add takes a person, or says why not.
func (r *reading) add(n int, one row, p Person, err error) {
	if err == nil && len(p.LoginIDs) == 0 {
		err = fmt.Errorf("there is nothing that the user could be found by")
	}
	for _, id := range p.LoginIDs {
		if err == nil && r.named[key(id)] {
			err = fmt.Errorf("the file has %.100q more than once", id)
		}
	}
	if err != nil {
		r.failures = append(r.failures, Failure{one.name(n), err.Error()})
		return
	}
	for _, id := range p.LoginIDs {
		r.named[key(id)] = true
	}
	r.people = append(r.people, p)
}

// key is an id as it is compared.
func key(id string) string { return strings.ToLower(strings.TrimSpace(id)) }

// unique are the texts that are there, each once.
func unique(list ...string) (out []string) {
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" && !slices.ContainsFunc(out, func(o string) bool { return key(o) == key(s) }) {
			out = append(out, s)
		}
	}
	return out
}
