package snapshot

import "github.com/go-json-experiment/json/jsontext"

// unseen stands for what must not be told.
const unseen = "(not shown)"

// seen is the value of a frame for people: what must not be told in it is replaced.
func (c *comparison) seen(f *frame) jsontext.Value { return render(c.mask(f)) }

func (c *comparison) mask(f *frame) any {
	if f.hidden() {
		return unseen
	}
	switch v := f.value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, member := range v {
			out[k] = c.mask(c.sub(f, member, k, k, f.member(k)))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = c.mask(c.item(f, v, i))
		}
		return out
	}
	return f.value
}

// hidden reports whether a value must not be told: a credential, a member that
// no schema knows where the others are known, and whatever no schema describes
// in an entity that has credentials.
func (f *frame) hidden() bool {
	if f.confidential() {
		return true
	}
	if len(f.schemas) > 0 || f.up == nil {
		return false
	}
	if f.up.hidden() || f.entity != nil && f.entity.word.Secrets != "" {
		return true
	}
	_, isObject := f.up.value.(map[string]any)
	_, closed := f.up.knownKeys()
	return isObject && closed
}
