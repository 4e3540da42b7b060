package client

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
)

// upload makes send the body of req. It is written while it is sent, so that a
// large snapshot is not in memory twice; its length is found by writing it once
// before, to nowhere.
func (c *Client) upload(req *http.Request, send body) error {
	var size counter
	if err := send(&size); err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.ContentLength = int64(size)
	if c.options.Gzip {
		req.ContentLength = -1
		req.Header.Set("Content-Encoding", "gzip")
	}
	req.GetBody = func() (io.ReadCloser, error) { return c.stream(send, int64(size)), nil }
	req.Body, _ = req.GetBody()
	return nil
}

// stream returns what send writes.
func (c *Client) stream(send body, total int64) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		var to io.Writer = w
		var packed *gzip.Writer
		if c.options.Gzip {
			packed = gzip.NewWriter(w)
			to = packed
		}
		if c.options.Progress != nil {
			to = &watched{w: to, total: total, tell: c.options.Progress}
		}
		err := send(to)
		if packed != nil {
			err = errors.Join(err, packed.Close())
		}
		_ = w.CloseWithError(err) // never fails
	}()
	return r
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// watched tells how much was written through it.
type watched struct {
	w           io.Writer
	sent, total int64
	tell        func(sent, total int64)
}

func (p *watched) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.sent += int64(n)
	p.tell(p.sent, p.total)
	return n, err
}
