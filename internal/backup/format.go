package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"postern/internal/fault"
)

// ErrDamaged is a file that is not what Write wrote.
var ErrDamaged = fault.New(fault.Invalid, "P42201", "the backup is damaged, cut off, or none")

const magic = "POSTERN-BACKUP1\n"

// The kinds of a record.
const (
	kindHeader = 'H'
	kindTable  = 'T'
	kindRow    = 'R'
	kindEnd    = 'E'
	kindLast   = 'Z'
)

// The types of a value.
const (
	typeNull  = 'n'
	typeInt   = 'i'
	typeText  = 't'
	typeBytes = 'b'
)

// maxRecord bounds one row, in bytes.
const maxRecord = 1 << 30

// A writer writes records.
type writer struct {
	zip *zstd.Encoder
	out *bufio.Writer
	sum hash.Hash
	buf []byte
}

func newWriter(to io.Writer) (*writer, error) {
	if _, err := io.WriteString(to, magic); err != nil {
		return nil, err
	}
	zip, err := zstd.NewWriter(to, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	w := &writer{zip: zip, sum: sha256.New()}
	w.out = bufio.NewWriterSize(io.MultiWriter(zip, w.sum), 1<<16)
	return w, nil
}

func (w *writer) record(kind byte, payload []byte) error {
	head := binary.AppendUvarint([]byte{kind}, uint64(len(payload)))
	if _, err := w.out.Write(head); err != nil {
		return err
	}
	_, err := w.out.Write(payload)
	return err
}

func (w *writer) row(values []any) error {
	b := w.buf[:0]
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			b = append(b, typeNull)
		case int64:
			b = binary.AppendVarint(append(b, typeInt), v)
		case string:
			b = append(binary.AppendUvarint(append(b, typeText), uint64(len(v))), v...)
		case []byte:
			b = append(binary.AppendUvarint(append(b, typeBytes), uint64(len(v))), v...)
		default:
			return fmt.Errorf("a value is of the type %T", v)
		}
	}
	w.buf = b
	if len(b) > maxRecord {
		return fmt.Errorf("a row has %d bytes, and %d are the most", len(b), maxRecord)
	}
	return w.record(kindRow, b)
}

// end writes the last record and everything that is not out yet.
func (w *writer) end() error {
	if err := w.out.Flush(); err != nil { // so that all of it is in the sum
		return err
	}
	if err := w.record(kindLast, w.sum.Sum(nil)); err != nil {
		return err
	}
	return errors.Join(w.out.Flush(), w.zip.Close())
}

// A reader reads records. Whatever is wrong with them is ErrDamaged.
type reader struct {
	zip *zstd.Decoder
	in  *bufio.Reader
	sum hash.Hash
	buf bytes.Buffer
}

func newReader(from io.Reader) (*reader, error) {
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(from, head); err != nil || string(head) != magic {
		return nil, ErrDamaged
	}
	zip, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
	if err != nil {
		return nil, ErrDamaged
	}
	return &reader{zip: zip, in: bufio.NewReaderSize(zip, 1<<16), sum: sha256.New()}, nil
}

func (r *reader) close() { r.zip.Close() }

// next reads a record. Its payload is good until the next one.
func (r *reader) next() (kind byte, payload []byte, err error) {
	before := r.sum.Sum(nil)
	if kind, err = r.in.ReadByte(); err != nil {
		return 0, nil, damaged(err)
	}
	size, err := binary.ReadUvarint(r.in)
	if err != nil || size > maxRecord {
		return 0, nil, damaged(err)
	}
	r.buf.Reset()
	if _, err := io.CopyN(&r.buf, r.in, int64(size)); err != nil { // a size that lies takes no memory
		return 0, nil, damaged(err)
	}
	payload = r.buf.Bytes()
	if kind == kindLast {
		if !bytes.Equal(payload, before) {
			return 0, nil, fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
		}
		if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
			return 0, nil, fmt.Errorf("%w: there is something after its end", ErrDamaged)
		}
		return kind, nil, nil
	}
	r.sum.Write(binary.AppendUvarint([]byte{kind}, size))
	r.sum.Write(payload)
	return kind, payload, nil
}

func damaged(err error) error {
	if err == nil {
		return ErrDamaged
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// row reads the values of a row.
func row(payload []byte, columns int) ([]any, error) {
	out := make([]any, 0, columns)
	for len(payload) > 0 {
		kind := payload[0]
		payload = payload[1:]
		switch kind {
		case typeNull:
			out = append(out, nil)
		case typeInt:
			v, n := binary.Varint(payload)
			if n <= 0 {
				return nil, ErrDamaged
			}
			out, payload = append(out, v), payload[n:]
		case typeText, typeBytes:
			size, n := binary.Uvarint(payload)
			if n <= 0 || size > maxRecord || int(size) > len(payload)-n {
				return nil, ErrDamaged
			}
			b := payload[n : n+int(size)]
			payload = payload[n+int(size):]
			if kind == typeText {
				out = append(out, string(b))
			} else {
				out = append(out, append([]byte{}, b...)) // never nil, which is NULL
			}
		default:
			return nil, ErrDamaged
		}
	}
	if len(out) != columns {
		return nil, ErrDamaged
	}
	return out, nil
}
