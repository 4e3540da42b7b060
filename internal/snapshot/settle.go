package snapshot

import (
	"runtime"
	"sync"
)

// A summed is a content and its digest.
type summed struct {
	content []byte
	digest  Digest
}

// sum returns the digest of a file if it is known, else the zero value. A file
// that was replaced since is another content.
func (up *Upload) sum(path string) Digest {
	known, now := up.sums[path], up.Files[path]
	if len(now) == 0 || len(known.content) != len(now) || &known.content[0] != &now[0] {
		return Digest{}
	}
	return known.digest
}

// A settler brings documents into canonical form, several at a time, while the
// rest of a body is still read.
type settler struct {
	known *Cache
	queue chan raw
	work  sync.WaitGroup
	mu    sync.Mutex
	done  map[string]summed // by path; one without a content is no document
	list  []Problem
}

// A raw is a document as it came.
type raw struct {
	path    string
	content []byte
}

func newSettler(known *Cache) *settler {
	s := &settler{known: known, queue: make(chan raw, 100), done: map[string]summed{}}
	for range runtime.GOMAXPROCS(0) {
		s.work.Go(func() {
			for doc := range s.queue {
				s.document(doc.path, doc.content)
			}
		})
	}
	return s
}

// settle hands a document over, which is the settler's from now on.
func (s *settler) settle(path string, content []byte) { s.queue <- raw{path, content} }

func (s *settler) document(path string, content []byte) {
	ps := &problems{}
	digest, ok := s.known.isCanonical(content)
	if !ok {
		if content, ok = canonical(path, content, ps); ok {
			digest = Sum(content)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[path] = summed{content, digest}
	s.list = append(s.list, ps.list...)
}

// finish waits until all is done, and takes it over.
func (s *settler) finish(up *Upload, ps *problems) {
	close(s.queue)
	s.work.Wait()
	for path, doc := range s.done {
		if up.Files[path] = doc.content; doc.content == nil {
			delete(up.Files, path)
		}
	}
	up.sums = s.done
	ps.list = append(ps.list, s.list...)
}
