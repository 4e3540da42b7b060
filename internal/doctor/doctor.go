// Package doctor looks at a whole database, and says what in it is not as it
// must be. It repairs nothing: what is damaged comes back from a backup, and what
// nothing needs is collected.
//
// What is right is known to the packages that own the rows; this one asks them
// and puts together what they find.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"postern/internal/audit"
	"postern/internal/key"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
)

// A Finding is one thing that is not as it must be.
type Finding struct {
	Kind    string `json:"kind"`
	Project string `json:"project,omitzero"`
	At      string `json:"at"`
	Message string `json:"message"`
}

// A Report is what was looked at, and what was found.
type Report struct {
	Projects      int `json:"projects"`
	Revisions     int `json:"revisions"`
	Blobs         int `json:"blobs"`
	Secrets       int `json:"secrets"`
	SecretsOpened int `json:"secretsOpened"`
	Keys          int `json:"managementKeys"`
	Events        int `json:"auditEvents"`

	Problems []Finding `json:"problems"`
	// Orphans are what nothing needs: no damage. Nobody knows them where there are
	// problems.
	Orphans []Finding `json:"orphans"`
	// Streams are connectors that do not take the records of the audit: no damage, but
	// what is not taken for long enough is given up.
	Streams []Finding `json:"streams"`
}

// OK reports whether nothing is damaged.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Examine looks at all of the database, in one state of it, beside servers that
// run on it. Without a master key it opens no secret.
func Examine(ctx context.Context, db *store.DB, master *secret.Master) (*Report, error) {
	var r *Report
	err := db.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		r, err = Check(tx, master)
		return err
	})
	return r, err
}

// Check is Examine inside a transaction.
func Check(tx *store.Tx, master *secret.Master) (*Report, error) {
	r := &Report{Problems: []Finding{}, Orphans: []Finding{}, Streams: []Finding{}}
	projects := &project.Service{Master: master}
	counts, err := projects.Inspect(tx, func(f project.Finding) {
		to := &r.Problems
		if f.Harmless {
			to = &r.Orphans
		}
		*to = append(*to, Finding{Kind: f.Kind, Project: f.Project, At: f.At, Message: f.Message})
	})
	if err != nil {
		return nil, err
	}
	r.Projects, r.Revisions, r.Blobs, r.Secrets, r.SecretsOpened = counts.Projects, counts.Revisions, counts.Blobs, counts.Secrets, counts.SecretsOpened
	r.Keys, err = mgmtkey.Inspect(tx, func(id, message string) {
		r.Problems = append(r.Problems, Finding{Kind: "management key", At: id, Message: message})
	})
	if err != nil {
		return nil, err
	}
	err = key.Inspect(tx, func(in, kid, message string) {
		r.Problems = append(r.Problems, Finding{Kind: "signing key", Project: in, At: kid, Message: message})
	})
	if err != nil {
		return nil, err
	}
	r.Events, err = audit.Inspect(tx, func(id, in, message string) {
		r.Problems = append(r.Problems, Finding{Kind: "audit", Project: in, At: id, Message: message})
	})
	if err != nil {
		return nil, err
	}
	chains, err := audit.Verify(tx, nil)
	if err != nil {
		return nil, err
	}
	for _, b := range chains.Breaks {
		r.Problems = append(r.Problems, Finding{Kind: "audit chain", Project: b.Project, At: strconv.FormatInt(b.Number, 10), Message: b.Message})
	}
	streams, err := audit.Behind(tx)
	if err != nil {
		return nil, err
	}
	for _, st := range streams {
		message := fmt.Sprintf("records that wait: %d; tries that did not work: %d; the last one: %s", st.Behind, st.Failures, st.Problem)
		if st.Dropped > 0 {
			message += fmt.Sprintf("; records that were given up: %d", st.Dropped)
		}
		r.Streams = append(r.Streams, Finding{Kind: "audit stream", Project: st.Project, At: st.Reader, Message: message})
	}
	if !r.OK() {
		r.Orphans = []Finding{} // what is damaged may need them
	}
	for _, list := range [][]Finding{r.Problems, r.Orphans} {
		slices.SortFunc(list, func(a, b Finding) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Project, b.Project), cmp.Compare(a.At, b.At), cmp.Compare(a.Message, b.Message))
		})
	}
	return r, nil
}
