package project

import (
	"crypto/hmac"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// A Finding is something in the database that is not as it must be.
type Finding struct {
	Kind     string // what it is about: "blob", "revision", "secret", "data key", "project", "confirmation", "policy", "import key"
	Project  string // its id; empty where it is about none
	At       string // the id, digest or number of what it is about
	Message  string
	Harmless bool // nothing is lost: it only takes room
}

// Counts say how much was looked at.
type Counts struct {
	Projects, Revisions, Blobs, Secrets, DataKeys int
	SecretsOpened                                 int
}

// An inspection is a look at everything that projects consist of.
type inspection struct {
	*Service
	tx       *store.Tx
	found    func(Finding)
	counts   Counts
	projects map[string]Project
	oldest   map[string]int64 // by the id of the project: the first of its revisions
	have     map[snapshot.Digest]bool
	needed   map[snapshot.Digest]bool
	keys     map[keyVersion]*secret.DataKey
	secrets  map[string]sealedRow // by id, without the sealed value
	listed   map[string]bool      // ids of secrets that a revision lists
	broken   map[snapshot.Digest]string
}

// Inspect looks at every project, revision, content and secret, and reports what
// is wrong. It writes nothing. Without a master key it opens no secret.
func (s *Service) Inspect(tx *store.Tx, found func(Finding)) (Counts, error) {
	in := &inspection{
		Service: s, tx: tx, found: found, projects: map[string]Project{}, oldest: map[string]int64{}, have: map[snapshot.Digest]bool{}, needed: map[snapshot.Digest]bool{},
		keys: map[keyVersion]*secret.DataKey{}, secrets: map[string]sealedRow{}, listed: map[string]bool{}, broken: map[snapshot.Digest]string{},
	}
	for _, step := range []func() error{in.readProjects, in.readBlobs, in.readKeys, in.readSecrets, in.readKept, in.readRevisions, in.readPolicies, in.readAnswers} {
		if err := step(); err != nil {
			return in.counts, fmt.Errorf("inspect: %w", err)
		}
	}
	in.orphans()
	return in.counts, nil
}

func (in *inspection) report(kind, project string, at any, format string, args ...any) {
	in.found(Finding{Kind: kind, Project: project, At: fmt.Sprint(at), Message: fmt.Sprintf(format, args...)})
}

func (in *inspection) readProjects() error {
	all, err := store.Collect(in.tx, func(row store.Scanner) (p Project, err error) {
		var oldest int64
		err = row.Scan(&p.ID, &p.Head, &oldest)
		in.oldest[p.ID] = oldest
		return p, err
	}, `SELECT id, head, oldest FROM projects`)
	for _, p := range all {
		in.projects[p.ID] = p
		in.counts.Projects++
		if _, err := scan(in.tx.QueryRow(`SELECT `+columns+` FROM projects WHERE id = $1`, p.ID)); err != nil {
			in.report("project", p.ID, p.ID, "its row cannot be read: %v", err)
		}
	}
	return err
}

func (in *inspection) readBlobs() error {
	c, err := in.codec()
	if err != nil {
		return err
	}
	type row struct {
		blob
		name []byte
	}
	return store.Each(in.tx, func(r store.Scanner) (b row, err error) {
		return b, r.Scan(&b.name, &b.size, &b.encoding, &b.body)
	}, func(b row) error {
		in.counts.Blobs++
		if len(b.name) != len(b.digest) {
			in.report("blob", "", fmt.Sprintf("%x", b.name), "a digest has %d bytes", len(b.name))
			return nil
		}
		copy(b.digest[:], b.name)
		in.have[b.digest] = true
		content, err := c.decode(b.blob)
		if err == nil && len(content) != b.size {
			err = fmt.Errorf("stored content %s is damaged: it has %d bytes and not %d", b.digest, len(content), b.size)
		}
		if err != nil {
			in.report("blob", "", b.digest, "%v", err)
		}
		return nil
	}, `SELECT digest, size, encoding, body FROM blobs`)
}

func (in *inspection) readKeys() error {
	all, err := dataKeys(in.tx, "")
	for _, k := range all {
		in.counts.DataKeys++
		name := keyVersion{k.project, k.version}
		in.keys[name] = nil
		if _, ok := in.projects[k.project]; !ok {
			in.report("data key", k.project, k.version, "there is no such project")
		}
		if in.Master == nil {
			continue
		}
		key, err := in.Master.OpenDataKey(k.project, k.wrapped)
		if err != nil {
			in.report("data key", k.project, k.version, "%v", err)
			continue
		}
		in.keys[name] = key
	}
	for id := range in.projects {
		if !slices.ContainsFunc(all, func(k keyRow) bool { return k.project == id }) {
			in.report("project", id, id, "it has no data key")
		}
	}
	return err
}

func (in *inspection) readSecrets() error {
	return store.Each(in.tx, func(row store.Scanner) (r sealedRow, err error) {
		return r, row.Scan(&r.project, &r.place.ID, &r.place.Kind, &r.place.Entity, &r.place.Field, &r.key, &r.body, &r.revoked, &r.fingerprint)
	}, func(r sealedRow) error {
		in.counts.Secrets++
		key, ok := in.keys[keyVersion{r.project, r.key}]
		switch {
		case r.revoked != 0 && len(r.body)+len(r.fingerprint) == 0: // it was destroyed
		case r.revoked != 0:
			in.report("secret", r.project, r.place.ID, "it was destroyed, and its value or its fingerprint is still there")
		case !ok:
			in.report("secret", r.project, r.place.ID, "version %d of the data key, which seals it, is missing", r.key)
		case key != nil:
			in.secret(key, r)
		}
		r.body, r.fingerprint = nil, nil
		in.secrets[r.place.ID] = r
		return nil
	}, `SELECT project, id, kind, entity, field, data_key, sealed, revoked_at, fingerprint FROM secrets`)
}

// readKept opens what is kept beside the revisions.
func (in *inspection) readKept() error {
	for _, id := range slices.Sorted(maps.Keys(in.projects)) {
		rows, err := keptOf(in.tx, id)
		if err != nil {
			return err
		}
		for _, r := range rows {
			in.counts.Secrets++
			key, ok := in.keys[keyVersion{id, r.key}]
			at := r.at.Kind + " " + r.at.Entity
			if !ok {
				in.report("secret", id, at, "version %d of the data key, which seals it, is missing", r.key)
			}
			if key == nil {
				continue
			}
			if _, err := key.Open(r.at.binding(r.version), r.sealed); err != nil {
				in.report("secret", id, at, "%v", err)
				continue
			}
			in.counts.SecretsOpened++
		}
	}
	return nil
}

// secret opens a value, and compares it with its fingerprint, where it has one.
func (in *inspection) secret(key *secret.DataKey, r sealedRow) {
	value, err := key.Open(binding(r.project, r.place), r.body)
	if err != nil {
		in.report("secret", r.project, r.place.ID, "%v", err)
		return
	}
	in.counts.SecretsOpened++
	if len(r.fingerprint) == 0 {
		return // it is from before there were any
	}
	if want, err := key.Fingerprint(unversioned(r.project, r.place), value); err != nil || !hmac.Equal(want, r.fingerprint) {
		in.report("secret", r.project, r.place.ID, "its fingerprint is that of another value")
	}
}

// A revisionRow is a row of the table of revisions.
type revisionRow struct {
	project              string
	number, parent       int64
	digest, secretDigest []byte
}

func revisionRows(tx *store.Tx) ([]revisionRow, error) {
	return store.Collect(tx, func(row store.Scanner) (r revisionRow, err error) {
		return r, row.Scan(&r.project, &r.number, &r.parent, &r.digest, &r.secretDigest)
	}, `SELECT project, number, parent, digest, secrets FROM revisions ORDER BY number`)
}

func (in *inspection) readRevisions() error {
	all, err := revisionRows(in.tx)
	if err != nil {
		return err
	}
	last := map[string]int64{}
	for _, r := range all {
		in.counts.Revisions++
		p, ok := in.projects[r.project]
		before, seen := last[r.project]
		if !seen {
			before = in.oldest[r.project] - 1
		}
		switch {
		case !ok:
			in.report("revision", r.project, r.number, "there is no such project")
		case r.number != before+1:
			in.report("revision", r.project, r.number, "the one before it is missing")
		case r.number > p.Head:
			in.report("revision", r.project, r.number, "it is newer than the head, which is %d", p.Head)
		}
		last[r.project] = r.number
		if err := in.revision(r); err != nil {
			return err
		}
	}
	for id, p := range in.projects {
		if last[id] < p.Head {
			in.report("project", id, id, "its head is revision %d, and the last one that is there is %d", p.Head, last[id])
		}
	}
	return in.readPending(last)
}

// readPending looks at what waits to be confirmed: the head, with what it goes
// back to.
func (in *inspection) readPending(last map[string]int64) error {
	return store.Each(in.tx, func(row store.Scanner) (w waiting, err error) { return w, w.scan(row, &w.project) }, func(w waiting) error {
		p, ok := in.projects[w.project]
		if !ok || w.Revision != p.Head || w.GoesBackTo < in.oldest[w.project] || w.GoesBackTo > last[w.project] {
			in.report("confirmation", w.project, w.Revision, "it waits to be confirmed, and is not the head, or what it goes back to is missing")
		}
		return nil
	}, `SELECT project, `+pendingColumns+` FROM confirmations`)
}

// revision looks at the tree and the list of secrets of a revision. Many have
// the same, and a tree is read once.
func (in *inspection) revision(r revisionRow) error {
	var tree, list snapshot.Digest
	if copy(tree[:], r.digest) != len(r.digest) || copy(list[:], r.secretDigest) != len(r.secretDigest) || len(r.digest) != len(tree) || len(r.secretDigest) != len(list) {
		in.report("revision", r.project, r.number, "a digest is damaged")
		return nil
	}
	message, seen := in.broken[tree]
	if !seen {
		var err error
		if message, err = in.tree(tree); err != nil {
			return err
		}
		in.broken[tree] = message
	}
	if message != "" {
		in.report("revision", r.project, r.number, "%s", message)
	}
	return in.list(r, list)
}

// tree says what is wrong with a tree, and marks what it needs.
func (in *inspection) tree(digest snapshot.Digest) (string, error) {
	in.needed[digest] = true
	content, message, err := in.content(digest)
	if err != nil || message != "" {
		return message, err
	}
	tree, ok := snapshot.ParseManifest(content)
	if !ok {
		return "its tree cannot be read", nil
	}
	missing := 0
	for _, d := range tree {
		in.needed[d] = true
		if !in.have[d] {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Sprintf("%d of its %d files are missing", missing, len(tree)), nil
	}
	return "", nil
}

func (in *inspection) list(r revisionRow, digest snapshot.Digest) error {
	in.needed[digest] = true
	content, message, err := in.content(digest)
	if err != nil {
		return err
	}
	var list []snapshot.StoredSecret
	if message == "" && json.Unmarshal(content, &list) != nil {
		message = "its list of secrets cannot be read"
	}
	if message != "" {
		in.report("revision", r.project, r.number, "%s", message)
		return nil
	}
	for _, place := range list {
		in.listed[place.ID] = true
		row, ok := in.secrets[place.ID]
		if !ok || row.project != r.project || row.place != place {
			in.report("revision", r.project, r.number, "its secret %s is missing, or is another one", place.ID)
		}
	}
	return nil
}

// content reads a blob; the message says why it cannot be read.
func (in *inspection) content(digest snapshot.Digest) ([]byte, string, error) {
	if !in.have[digest] {
		return nil, fmt.Sprintf("the content %s is missing", digest), nil
	}
	c, err := in.codec()
	if err != nil {
		return nil, "", err
	}
	b, err := scanBlob(in.tx.QueryRow(`SELECT digest, size, encoding, body FROM blobs WHERE digest = $1`, digest[:]))
	if err != nil {
		return nil, "", err
	}
	content, err := c.decode(b)
	if err != nil {
		return nil, err.Error(), nil //nolint:nilerr // what is damaged is what we are looking for
	}
	return content, "", nil
}

// orphans reports what nothing needs. It is no damage.
func (in *inspection) orphans() {
	for d := range in.have {
		if !in.needed[d] {
			in.found(Finding{Kind: "blob", At: d.String(), Message: "no revision needs it", Harmless: true})
		}
	}
	for id, row := range in.secrets {
		if _, ok := in.projects[row.project]; !ok {
			in.report("secret", row.project, id, "there is no such project")
		} else if !in.listed[id] {
			in.found(Finding{Kind: "secret", Project: row.project, At: id, Message: "no revision lists it", Harmless: true})
		}
	}
}
