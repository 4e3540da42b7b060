package limit

import (
	"sync"
	"time"
)

const (
	// inMind is how long a refusal is kept in mind. Another server may forget the
	// attempts, or an import loosen the rule; this one must notice soon.
	inMind = time.Second
	// mostInMind bounds the refusals that are kept in mind. A flood that has more
	// subjects than that asks the database.
	mostInMind = 10_000
)

// over is who was refused just now, so that a flood of theirs costs no
// transaction. Its zero value knows nobody.
type over struct {
	mu    sync.Mutex
	until map[place]times
}

type times struct {
	forget time.Time // when to ask again
	passes time.Time // when the next attempt would pass
}

// wait returns how long c must wait, as far as that is known, else 0.
func (o *over) wait(c counter) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, ok := o.until[c.place]
	if !ok {
		return 0
	}
	if !c.at.Before(t.forget) || !c.at.Before(t.passes) {
		delete(o.until, c.place)
		return 0
	}
	return t.passes.Sub(c.at)
}

// add keeps refused in mind.
func (o *over) add(refused []counter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.until == nil || len(o.until) >= mostInMind {
		o.until = map[place]times{}
	}
	for _, c := range refused {
		o.until[c.place] = times{forget: c.at.Add(inMind), passes: c.at.Add(c.wait)}
	}
}
