package infra

import (
	"maps"
	"slices"
	"strings"
)

// at returns what stands at a path in an object: "/authentication/otp".
func at(obj map[string]any, path string) (any, bool) {
	var v any = obj
	for seg := range strings.SplitSeq(path[1:], "/") {
		in, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = in[seg]; !ok {
			return nil, false
		}
	}
	return v, true
}

// put sets what stands at a path in an object, and makes the objects on the way.
func put(obj map[string]any, path string, v any) {
	segs := strings.Split(path[1:], "/")
	for _, seg := range segs[:len(segs)-1] {
		in, ok := obj[seg].(map[string]any)
		if !ok {
			in = map[string]any{}
			obj[seg] = in
		}
		obj = in
	}
	obj[segs[len(segs)-1]] = v
}

func texts(v any) ([]string, bool) {
	items, ok := v.([]any)
	out := make([]string, 0, len(items))
	for _, item := range items {
		s, isText := item.(string)
		ok = ok && isText
		out = append(out, s)
	}
	return out, ok
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func text(obj map[string]any, member string) string {
	s, _ := obj[member].(string)
	return s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// escape writes a name as one segment of a JSON pointer (RFC 6901).
func escape(k string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(k) }

func unescape(k string) string { return strings.NewReplacer("~1", "/", "~0", "~").Replace(k) }

// kebab writes a name as the name of a file: "SMTP Connector" is
// "smtp-connector".
func kebab(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}
