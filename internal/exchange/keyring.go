package exchange

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/safehttp"
)

// How long the keys of a service are taken for those that it has, and how soon they are
// asked for again for the sake of one that is not among them: else whoever makes up
// names of keys has us call the service each time.
const (
	keysLast  = 10 * time.Minute
	keysAgain = time.Minute
)

// A keyring remembers the keys of services, by where they are published. The zero value
// is empty.
type keyring struct {
	mu   sync.Mutex
	sets map[string]published
}

type published struct {
	keys map[string]jose.JSONWebKey // by their names
	at   time.Time
}

// find returns the key of a service with a name.
func (k *keyring) find(ctx context.Context, by *safehttp.Client, url, name string) (*jose.JSONWebKey, error) {
	k.mu.Lock()
	set, known := k.sets[url]
	k.mu.Unlock()
	key, ok := set.keys[name]
	age := time.Since(set.at)
	if known && (ok && age < keysLast || !ok && age < keysAgain) {
		return one(key, ok)
	}
	fresh, err := fetchKeys(ctx, by, url)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	if k.sets == nil {
		k.sets = map[string]published{}
	}
	k.sets[url] = published{fresh, time.Now()}
	k.mu.Unlock()
	key, ok = fresh[name]
	return one(key, ok)
}

func one(key jose.JSONWebKey, ok bool) (*jose.JSONWebKey, error) {
	if !ok {
		return nil, errors.New("it names a key that the service does not have")
	}
	return &key, nil
}

// fetchKeys asks a service for its keys: a JWK Set (RFC 7517 §5). Those of kinds that we
// do not know are passed over.
func fetchKeys(ctx context.Context, by *safehttp.Client, url string) (map[string]jose.JSONWebKey, error) {
	answer, err := by.Do(ctx, safehttp.Request{URL: url})
	if err != nil {
		return nil, silence{err}
	}
	if answer.Status != 200 {
		return nil, silence{fmt.Errorf("the keys of the service: it answered %d", answer.Status)}
	}
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(answer.Body, &set); err != nil {
		return nil, silence{errors.New("the keys of the service are no JWK Set")}
	}
	out := map[string]jose.JSONWebKey{}
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil && key.Valid() && key.IsPublic() && key.Use != "enc" {
			out[key.KeyID] = key
		}
	}
	return out, nil
}

// silence is a service that does not answer as it should.
type silence struct{ error }

func (s silence) Unwrap() error { return s.error }
