package api

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/edge"
	"postern/internal/fault"
)

var (
	errMedia    = fault.New(fault.Unsupported, "P41501", "the body must be application/json")
	errEncoding = fault.New(fault.Unsupported, "P41502", "the body may be sent as it is or with gzip, in no other encoding")
	errGzip     = fault.New(fault.Invalid, "P40002", "the body is not gzip, or is damaged")
	errSlow     = fault.New(fault.Invalid, "P40801", "the body did not come in within the time limit")
	errHangUp   = fault.New(fault.Invalid, "P49901", "the client went away before the body was there")
)

// readBody returns the body of a request, inflated and bounded to most bytes. A body that says
// itself that it is too large is refused before it is read.
func readBody(w http.ResponseWriter, r *http.Request, most int64) (io.Reader, error) {
	if r.ContentLength > most {
		return nil, tooLarge(most)
	}
	if text := r.Header.Get("Content-Type"); text != "" && r.ContentLength != 0 {
		if media, _, err := mime.ParseMediaType(text); err != nil || media != "application/json" {
			return nil, errMedia
		}
	}
	raw := arriving{http.MaxBytesReader(w, r.Body, most)}
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return raw, nil
	case "gzip":
		inflated, err := gzip.NewReader(raw)
		if err != nil {
			return nil, damaged(err)
		}
		return &inflating{r: inflated, left: most, most: most}, nil
	default:
		return nil, errEncoding
	}
}

func tooLarge(most int64) error {
	return edge.ErrTooLarge.WithMessage(fmt.Sprintf("the body is larger than the limit of %d bytes", most))
}

// arriving is a body on the network. Whatever keeps it from coming in whole is
// a fault of whoever sends it, or of the way.
type arriving struct{ r io.Reader }

func (a arriving) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if limit, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return n, tooLarge(limit.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, errSlow
	}
	return n, errHangUp
}

// inflating bounds what comes out of a compressed body.
type inflating struct {
	r          io.Reader
	left, most int64
}

func (b *inflating) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		return 0, tooLarge(b.most)
	case err == nil || err == io.EOF:
		return n, err
	}
	return n, damaged(err)
}

// damaged keeps the fault of the network below the compression.
func damaged(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	return errGzip
}

// call adapts a typed operation: it decodes In, runs op, encodes Out.
func call[In, Out any](op func(context.Context, *In) (*Out, error)) operation {
	return raw[In, Out](func(w http.ResponseWriter, r *http.Request) error {
		in := new(In)
		if err := readInto(w, r, in); err != nil {
			return err
		}
		if q, ok := any(in).(interface{ query(*http.Request) error }); ok {
			if err := q.query(r); err != nil {
				return err
			}
		}
		out, err := op(r.Context(), in)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, out)
	})
}

// readInto decodes the body of a call that is not a snapshot. An empty one is an
// empty object.
func readInto(w http.ResponseWriter, r *http.Request, in any) error {
	b, err := readSmall(w, r)
	if err != nil || len(b) == 0 {
		return err
	}
	return decode(b, in)
}

// maxSmall bounds the body of a call that is not a snapshot, in bytes.
const maxSmall = 1 << 20

// readSmall reads the body of a call that is not a snapshot.
func readSmall(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := readBody(w, r, maxSmall)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(body)
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) //nolint:gosec // it is JSON and says so; whoever does not read any more has gone
	return nil
}
