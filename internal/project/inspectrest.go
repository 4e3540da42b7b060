package project

import (
	"github.com/go-json-experiment/json"

	"postern/internal/snapshot"
	"postern/internal/store"
)

// readPolicies looks at the policies: no import goes into a project whose policy
// cannot be read.
func (in *inspection) readPolicies() error {
	return store.Each(in.tx, func(row store.Scanner) (r struct{ project, text string }, err error) {
		return r, row.Scan(&r.project, &r.text)
	}, func(r struct{ project, text string }) error {
		if _, ok := in.projects[r.project]; !ok {
			in.report("policy", r.project, r.project, "there is no such project")
		}
		if _, err := parsePolicy(r.text); err != nil {
			in.report("policy", r.project, r.project, "it cannot be read: %v", err)
		}
		return nil
	}, `SELECT project, policy FROM policies`)
}

// readAnswers looks at what imports with a key answered. The data key that made a
// fingerprint may be gone: then the import is another one, and nothing is damaged.
func (in *inspection) readAnswers() error {
	type row struct {
		project, key, answer string
		request              []byte
	}
	return store.Each(in.tx, func(s store.Scanner) (r row, err error) {
		return r, s.Scan(&r.project, &r.key, &r.answer, &r.request)
	}, func(r row) error {
		if _, ok := in.projects[r.project]; !ok {
			in.report("import key", r.project, r.key, "there is no such project")
		}
		if len(r.request) == 0 {
			in.report("import key", r.project, r.key, "the fingerprint of its request is missing")
		}
		if _, err := parseAnswer(r.answer); err != nil {
			in.report("import key", r.project, r.key, "what was answered cannot be read: %v", err)
		}
		return nil
	}, `SELECT project, key, answer, request FROM import_keys`)
}

// parseAnswer reads an answer as it is stored.
func parseAnswer(text string) (Result, error) {
	var k kept
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		return Result{}, err
	}
	digest, err := snapshot.ParseDigest(k.Digest)
	return Result{Revision: k.Revision, Digest: digest, Changed: k.Changed, Changes: k.Changes, Warnings: k.Warnings}, err
}
