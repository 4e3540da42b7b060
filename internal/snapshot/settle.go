package snapshot

import (
	"runtime"
	"sync"
)

// A summed is a document in canonical form and its digest.
type summed struct {
	content []byte
	digest  Digest
	plain   bool // nothing in it stands for something else
}

// known returns what is known of a file, else the zero value. A file that was
// replaced since is another content.
func (up *Upload) known(path string) summed {
	known, now := up.sums[path], up.Files[path]
	if len(now) == 0 || len(known.content) != len(now) || &known.content[0] != &now[0] {
		return summed{}
	}
	return known
}

// sum returns the digest of a file if it is known, else the zero value.
func (up *Upload) sum(path string) Digest { return up.known(path).digest }

// isPlain reports whether nothing in a document stands for something else: no
// reference to an asset, and no placeholder.
func isPlain(doc []byte) bool { return !mayReferToAsset(doc) && !mayHavePlaceholder(doc) }

// A settler brings documents into canonical form, several at a time, while the
// rest of a body is still read.
type settler struct {
	known *Cache
	queue chan raw // nil as long as there was nothing to do
	work  sync.WaitGroup
	mu    sync.Mutex
	done  map[string]summed // by path; one without a content is no document
	list  []Problem
	wrong error // of the first value in the body that is no JSON
	at    int64 // where that stands
}

// A raw is a document as it came.
type raw struct {
	path    string
	content []byte
	at      int64 // in the body
}

func newSettler(known *Cache) *settler {
	return &settler{known: known, done: map[string]summed{}}
}

func (s *settler) start() {
	s.queue = make(chan raw, 100)
	for range runtime.GOMAXPROCS(0) {
		s.work.Go(func() {
			for doc := range s.queue {
				s.document(doc)
			}
		})
	}
}

// settle hands a document over, which is the settler's from now on.
func (s *settler) settle(doc raw) {
	if s.queue == nil {
		s.start()
	}
	s.queue <- doc
}

func (s *settler) document(doc raw) {
	var ps problems
	var wrong error
	known, ok := s.known.recognise(doc.content)
	if !ok {
		if content, is := canonical(doc.path, doc.content, &ps); is {
			known = s.known.learn(content, Sum(content))
		} else {
			wrong = judge(doc.content, doc.at)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[doc.path] = known
	s.list = append(s.list, ps.list...)
	if wrong != nil && (s.wrong == nil || doc.at < s.at) {
		s.wrong, s.at = wrong, doc.at
	}
}

// finish waits until all is done, and takes it over. Its error is that of a value
// that is no JSON, which stands before all that the body was not read to.
func (s *settler) finish(up *Upload, ps *problems) error {
	if s.queue != nil {
		close(s.queue)
		s.work.Wait()
	}
	for path, doc := range s.done {
		if up.Files[path] = doc.content; doc.content == nil {
			delete(up.Files, path)
		}
		up.sums[path] = doc
	}
	ps.list = append(ps.list, s.list...)
	return s.wrong
}
