package project

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// Contents come back whatever number is asked for, and where one is not there or is
// not itself, be it the first or the last, reading ends with that error.
func TestContentsAreRead(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		const stored = 2*rowsPerStatement + 60
		c, err := newCodec()
		if err != nil {
			t.Fatal(err)
		}
		var digests []snapshot.Digest
		var blobs []blob
		contents := map[snapshot.Digest][]byte{}
		for i := range stored {
			content := []byte(strings.Repeat(fmt.Sprint(i, " "), i))
			digests = append(digests, snapshot.Sum(content))
			contents[digests[i]] = content
			blobs = append(blobs, c.encode(digests[i], content))
		}
		err = db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return insertBlobs(tx, blobs) })
		if err != nil {
			t.Fatal(err)
		}
		read := func(digests []snapshot.Digest) (out map[snapshot.Digest][]byte, err error) {
			err = db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
				out, err = c.unpacked(tx, digests)
				return err
			})
			return out, err
		}
		for _, n := range []int{0, 1, 2, 3, 128, 129, rowsPerStatement - 1, rowsPerStatement, rowsPerStatement + 1, stored} {
			got, err := read(digests[:n])
			if err != nil {
				t.Fatalf("%d contents: %v", n, err)
			}
			if len(got) != n {
				t.Errorf("of %d contents %d came back", n, len(got))
			}
			for _, d := range digests[:n] {
				if !bytes.Equal(contents[d], got[d]) {
					t.Fatalf("one of %d contents is %q, not %q", n, got[d], contents[d])
				}
			}
		}
		gone := snapshot.Sum([]byte("never stored"))
		for place, list := range map[string][]snapshot.Digest{"first": slices.Concat([]snapshot.Digest{gone}, digests), "last": append(slices.Clone(digests), gone)} {
			if _, err := read(list); err == nil || !strings.Contains(err.Error(), "is missing") {
				t.Errorf("the %s is missing: %v", place, err)
			}
		}
		// Every one of a batch, so that whoever unpacks must not stop at the first.
		err = db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE blobs SET encoding = 0, body = $1`, []byte("other"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(digests); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("all are damaged: %v", err)
		}
	})
}
