package password

import (
	"sync"
	"time"
)

// restAfter is how long nobody's password is hashed before slack is given up.
const restAfter = 10 * time.Second

// mostSlack is how many hashes of our own fit into slack at most. With more the
// collector would cost hardly less.
const mostSlack = 8

// Slack is memory that nobody writes to, held while passwords are hashed. The collector
// runs when as much was allocated as lives, and one hash is as much as all that lives
// in a small server: it ran for each, which cost an eighth of a sign-in. With
// slack it lets some hashes pass. What they leave behind until then is as large as slack
// is, and slack itself takes no pages as long as the process has not had them before.
type slack struct {
	size int64 // bytes

	mu   sync.Mutex
	held []byte
	busy int // hashes that run
	rest *time.Timer
}

// newSlack returns the slack of hashes that take so many bytes each and all together
// no more than capacity, of which half may be slack.
func newSlack(each, capacity int64) *slack { return &slack{size: min(mostSlack*each, capacity/2)} }

// enter holds the memory until everybody has left, and a while longer.
func (s *slack) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy++
	if s.rest != nil {
		s.rest.Stop()
	}
	if s.held == nil {
		s.held = make([]byte, s.size)
	}
}

func (s *slack) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy--; s.busy == 0 {
		s.rest = time.AfterFunc(restAfter, s.drop)
	}
}

// drop lets the memory go if nobody came meanwhile.
func (s *slack) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy == 0 {
		s.held = nil
	}
}
