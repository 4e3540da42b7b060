package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"postern/internal/audit"
	pkgproject "postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// small is a project of few files; what counts is how many there are.
var small = size{"9 files", 9, 6 << 10}

// fill makes n projects, each with its own content and so many revisions. The
// product makes the projects and their first revision, all of them. The other
// revisions would take it minutes, since each is one durable commit: they are
// written as it writes them, but those of a project in one transaction. Each
// changes one file, and so has a file, a tree, a row and an audit record of its
// own.
func (s *server) fill(t *testing.T, n, revisions int) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	by := audit.Origin{Actor: "bench"}
	for i := range n {
		up := &snapshot.Upload{Files: project(small, fmt.Sprint("project ", i), 1)}
		p, _, err := s.api.Projects.CreateFrom(t.Context(), by, pkgproject.KindImport, pkgproject.New{Name: fmt.Sprint("Project ", i)}, up)
		if err != nil {
			t.Fatal(err)
		}
		err = s.db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			return addRevisions(tx, enc, by, p.ID, revisions)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// addRevisions gives a project with one revision as many as it is to have.
func addRevisions(tx *store.Tx, enc *zstd.Encoder, by audit.Origin, id string, revisions int) error {
	tree, secrets, err := headOf(tx, id)
	if err != nil {
		return err
	}
	blobs, rows := &values{}, &values{}
	add := func(content []byte) snapshot.Digest {
		d, encoding, body := snapshot.Sum(content), 0, content
		if len(content) >= 256 {
			encoding, body = 1, enc.EncodeAll(content, nil)
		}
		blobs.add(d[:], len(content), encoding, body)
		return d
	}
	now := time.Now().Unix()
	for n := 2; n <= revisions; n++ {
		tree["project.json"] = add(fmt.Appendf(nil, `{"rotateJwt":true,"trustedDomains":"%s-%d.example.com"}`, strings.ToLower(id), n))
		digest := add(tree.Manifest())
		rows.add(id, n, digest[:], secrets, n-1, now, by.Actor, "", "1 changed")
		e := by.Event("project.import", audit.Done)
		e.Project, e.Details = id, map[string]any{"revision": n, "digest": digest.String(), "summary": "1 changed"}
		if err := audit.Record(tx, e); err != nil {
			return err
		}
	}
	if err := rows.insert(tx, `INSERT INTO revisions (project, number, digest, secrets, parent, created_at, author, message, summary) VALUES `); err != nil {
		return err
	}
	if err := blobs.insert(tx, `INSERT INTO blobs (digest, size, encoding, body) VALUES `); err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE projects SET head = $2 WHERE id = $1`, id, revisions)
	return err
}

// headOf reads the tree of a first revision, and the digest of its secrets.
func headOf(tx *store.Tx, id string) (snapshot.Tree, []byte, error) {
	var secrets, manifest []byte
	var encoding int
	err := tx.QueryRow(`SELECT r.secrets, b.encoding, b.body FROM revisions r JOIN blobs b ON b.digest = r.digest WHERE r.project = $1 AND r.number = 1`, id).
		Scan(&secrets, &encoding, &manifest)
	if err != nil {
		return nil, nil, err
	}
	if encoding == 1 {
		dec, err := zstd.NewReader(nil)
		if err != nil {
			return nil, nil, err
		}
		defer dec.Close()
		if manifest, err = dec.DecodeAll(manifest, nil); err != nil {
			return nil, nil, err
		}
	}
	tree, ok := snapshot.ParseManifest(manifest)
	if !ok {
		return nil, nil, fmt.Errorf("the tree of %s is damaged", id)
	}
	return tree, secrets, nil
}

// values are rows of one statement.
type values struct {
	text strings.Builder
	args []any
}

func (v *values) add(row ...any) {
	if v.text.Len() > 0 {
		v.text.WriteByte(',')
	}
	for i, arg := range row {
		mark := byte(',')
		if i == 0 {
			mark = '('
		}
		v.args = append(v.args, arg)
		fmt.Fprintf(&v.text, "%c$%d", mark, len(v.args))
	}
	v.text.WriteByte(')')
}

func (v *values) insert(tx *store.Tx, statement string) error {
	if len(v.args) == 0 {
		return nil
	}
	_, err := tx.Exec(statement+v.text.String(), v.args...)
	return err
}
