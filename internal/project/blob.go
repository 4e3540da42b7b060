package project

import (
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"postern/internal/snapshot"
	"postern/internal/store"
)

// The encodings of a stored blob.
const (
	encodedRaw  = 0
	encodedZstd = 1
)

// minCompressed is the size from which compressing a blob saves anything.
const minCompressed = 256

// maxContent bounds what one blob is inflated to, in bytes.
const maxContent = 1 << 30

// rowsPerStatement bounds a statement; SQLite takes 32,766 parameters.
const rowsPerStatement = 200

// A codec compresses contents on their way into the database.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder

	lately contents
}

// A codecOnce makes the codec when it is first used.
type codecOnce struct {
	once  sync.Once
	codec *codec
	err   error
}

func (s *Service) codec() (*codec, error) {
	s.codecs.once.Do(func() { s.codecs.codec, s.codecs.err = newCodec() })
	return s.codecs.codec, s.codecs.err
}

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxContent))
	if err != nil {
		return nil, err
	}
	return &codec{enc: enc, dec: dec}, nil
}

// A blob is a content as it is stored.
type blob struct {
	digest   snapshot.Digest
	size     int
	encoding int
	body     []byte
}

func (c *codec) encode(digest snapshot.Digest, content []byte) blob {
	b := blob{digest: digest, size: len(content), encoding: encodedRaw, body: content}
	if len(content) >= minCompressed {
		if small := c.enc.EncodeAll(content, nil); len(small) < len(content) {
			b.encoding, b.body = encodedZstd, small
		}
	}
	if b.body == nil {
		b.body = []byte{} // an empty content is not NULL
	}
	return b
}

// encodeAll encodes contents, several at a time.
func (c *codec) encodeAll(contents map[snapshot.Digest][]byte) []blob {
	blobs := make([]blob, 0, len(contents))
	for digest, content := range contents {
		blobs = append(blobs, blob{digest: digest, body: content})
	}
	var next atomic.Int64
	var work sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(blobs)) {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(blobs)); i = next.Add(1) - 1 {
				blobs[i] = c.encode(blobs[i].digest, blobs[i].body)
			}
		})
	}
	work.Wait()
	return blobs
}

// decode returns the content of a stored blob, or an error where it is not
// what its digest says.
func (c *codec) decode(b blob) ([]byte, error) {
	content := b.body
	if b.encoding == encodedZstd {
		room := min(max(b.size, 0), maxContent) // the row may be damaged
		var err error
		if content, err = c.dec.DecodeAll(b.body, make([]byte, 0, room)); err != nil {
			return nil, fmt.Errorf("stored content %s is damaged: it does not unpack: %w", b.digest, err)
		}
	}
	if snapshot.Sum(content) != b.digest {
		return nil, fmt.Errorf("stored content %s is damaged: it is not what its digest says", b.digest)
	}
	return content, nil
}

// insertBlobs stores contents that may be there already. They are in the order
// of their digests, so that two imports cannot wait for each other.
func insertBlobs(tx *store.Tx, blobs []blob) error {
	slices.SortFunc(blobs, func(a, b blob) int { return bytes.Compare(a.digest[:], b.digest[:]) })
	for batch := range slices.Chunk(blobs, tx.RowsAtOnce(rowsPerStatement)) {
		var rows strings.Builder
		args := make([]any, 0, 4*len(batch))
		for i, b := range batch {
			if i > 0 {
				rows.WriteByte(',')
			}
			fmt.Fprintf(&rows, "($%d,$%d,$%d,$%d)", 4*i+1, 4*i+2, 4*i+3, 4*i+4)
			args = append(args, b.digest[:], b.size, b.encoding, b.body)
		}
		if _, err := tx.Exec(`INSERT INTO blobs (digest, size, encoding, body) VALUES `+rows.String()+` ON CONFLICT (digest) DO NOTHING`, args...); err != nil {
			return err
		}
	}
	return nil
}

// parameters writes digests as the parameters of a statement, at most rowsPerStatement
// of them. The last one is there again until there are as many as a power of two, so
// that the texts are few: both databases remember what they made of a text.
func parameters(digests []snapshot.Digest) (marks string, args []any) {
	n := 1
	for n < len(digests) {
		n *= 2
	}
	var b strings.Builder
	for i := range min(n, rowsPerStatement) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", i+1)
		args = append(args, digests[min(i, len(digests)-1)][:])
	}
	return b.String(), args
}

// loadBlobs returns contents by digest: those that are remembered, and the others as they
// are stored.
func (c *codec) loadBlobs(tx *store.Tx, digests []snapshot.Digest) (map[snapshot.Digest][]byte, error) {
	out := make(map[snapshot.Digest][]byte, len(digests))
	read, err := c.unpacked(tx, c.lately.take(digests, out))
	if err != nil {
		return nil, err
	}
	c.lately.keep(read, false)
	maps.Copy(out, read)
	return out, nil
}

// unpacked reads contents by digest, a statement for every rowsPerStatement of
// them, and unpacks those that are there while it reads others: the reader is as many
// ahead. One that is not there is an error: a revision never names what was not
// stored with it. What is read once, such as by a collection, is not remembered.
func (c *codec) unpacked(tx *store.Tx, digests []snapshot.Digest) (map[snapshot.Digest][]byte, error) {
	var mu sync.Mutex
	var work errgroup.Group
	out := make(map[snapshot.Digest][]byte, len(digests))
	packed := make(chan blob, rowsPerStatement)
	for range min(runtime.GOMAXPROCS(0), len(digests)) {
		work.Go(func() (failed error) {
			for b := range packed { // to its end, as the reader waits for it
				content, err := c.decode(b)
				if err != nil {
					failed = err
				}
				mu.Lock()
				out[b.digest] = content
				mu.Unlock()
			}
			return failed
		})
	}
	err := readBlobs(tx, digests, packed)
	close(packed)
	if worked := work.Wait(); err == nil { // the error of the database says more
		err = worked
	}
	if err != nil {
		return nil, err
	}
	for _, d := range digests {
		if _, ok := out[d]; !ok {
			return nil, fmt.Errorf("stored content %s is missing", d)
		}
	}
	return out, nil
}

// readBlobs gives the contents with these digests to out, as they are stored.
func readBlobs(tx *store.Tx, digests []snapshot.Digest, out chan<- blob) error {
	for batch := range slices.Chunk(digests, rowsPerStatement) {
		marks, args := parameters(batch)
		err := store.Each(tx, scanBlob, func(b blob) error {
			out <- b
			return nil
		}, `SELECT digest, size, encoding, body FROM blobs WHERE digest IN (`+marks+`)`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

func scanBlob(row store.Scanner) (blob, error) {
	var b blob
	var digest []byte
	if err := row.Scan(&digest, &b.size, &b.encoding, &b.body); err != nil {
		return b, err
	}
	if len(digest) != len(b.digest) {
		return b, fmt.Errorf("a stored digest has %d bytes", len(digest))
	}
	copy(b.digest[:], digest)
	return b, nil
}
