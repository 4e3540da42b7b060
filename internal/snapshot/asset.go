package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"path"
	"strconv"
	"strings"
)

// Long texts and images travel as files of their own. A configuration holds
// them where they belong, inside the documents; taking them out and putting
// them back is a matter of the format alone. So both export formats are
// renderings of one content, and either imports to the same digest.
const (
	assetsIndex  = "assets/assets.json"
	assetsFolder = "assets/"
	assetPrefix  = "asset:"
	minTextAsset = 512 // bytes; a shorter text stays in its document
)

// imageTypes maps the file name extension of an image to its media type.
var imageTypes = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml", ".webp": "image/webp",
}

// deriveAsset names the asset that a string is written to on export, and
// returns its content, or false where the string stays in its document. key is
// the nearest member name above the string.
func deriveAsset(key, s string) (name string, content []byte, ok bool) {
	if rest, ok := strings.CutPrefix(s, "data:"); ok {
		for _, ext := range sortedKeys(imageTypes) {
			if text, ok := strings.CutPrefix(rest, imageTypes[ext]+";base64,"); ok {
				b, err := base64.StdEncoding.Strict().DecodeString(text)
				if err != nil || strings.ContainsAny(text, "\r\n") {
					break // it would not come back as it was
				}
				return "img-" + hexSum(text) + ext, b, true
			}
		}
	}
	if len(s) < minTextAsset {
		return "", nil, false
	}
	word := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return -1
		}
	}, key)
	ext := ".txt"
	if len(s) >= len("<!doctype html") && strings.EqualFold(s[:len("<!doctype html")], "<!doctype html") {
		ext = ".html"
	}
	return word + "-" + hexSum(s) + ext, []byte(s), true
}

func hexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// assetText is the string that stands in a document for the content of an
// asset file.
func assetText(name string, content []byte) (string, bool) {
	switch formOf(name) {
	case formText:
		s := string(content)
		// The official CLI ends every text file with a newline that is not part
		// of the text. The hash in the name tells whether it did.
		if short, ok := strings.CutSuffix(s, "\n"); ok && hashed(name, short) {
			s = short
		}
		return s, true
	case formImage:
		return "data:" + imageTypes[path.Ext(name)] + ";base64," + base64.StdEncoding.EncodeToString(content), true
	default:
		return "", false
	}
}

// hashed reports whether the name of a text asset holds the hash of the text.
func hashed(name, text string) bool {
	return strings.HasSuffix(strings.TrimSuffix(name, path.Ext(name)), "-"+hexSum(text))
}

// ofAnother reports whether a name holds a hash that is not that of its text. Then
// it is the name of another text, which may be there now or later, so it is not
// kept for this one.
func ofAnother(name, text string) bool {
	if !holdsHash(name) {
		return false
	}
	if formOf(name) == formImage {
		_, text, _ = strings.Cut(text, ";base64,")
	}
	return !hashed(name, text)
}

// holdsHash reports whether a name ends in what could be the hash of a text.
func holdsHash(name string) bool {
	stem := strings.TrimSuffix(name, path.Ext(name))
	sum := stem[strings.LastIndexByte(stem, '-')+1:]
	_, err := hex.DecodeString(sum)
	return err == nil && len(sum) == hex.EncodedLen(sha256.Size)
}

// eachString visits every string of a document and replaces it by what visit
// returns.
func eachString(v any, key, pointer string, visit func(key, pointer, s string) string) any {
	switch v := v.(type) {
	case string:
		return visit(key, pointer, v)
	case map[string]any:
		for _, k := range sortedKeys(v) {
			v[k] = eachString(v[k], k, pointer+"/"+escapePointer(k), visit)
		}
	case []any:
		for i := range v {
			v[i] = eachString(v[i], key, pointer+"/"+strconv.Itoa(i), visit)
		}
	}
	return v
}

// An inlined is what inlineAssets read.
type inlined struct {
	indexed bool                         // whether the upload has an index
	used    map[string]Digest            // the assets that something refers to, as they are stored where nothing does
	names   map[string]map[string]string // those that deriveAsset would not give, by file and pointer
	texts   map[string]string            // what stands in the documents for them
}

// mayReferToAsset only looks at the bytes of a document.
func mayReferToAsset(doc []byte) bool { return bytes.Contains(doc, []byte(`"`+assetPrefix)) }

// inlineAssets puts the assets of an upload back into its documents.
func inlineAssets(up *Upload, ps *problems) *inlined {
	files := up.Files
	_, indexed := files[assetsIndex]
	in := &inlined{indexed: indexed, names: map[string]map[string]string{}, texts: map[string]string{}, used: map[string]Digest{}}
	unread := ps.files()
	for _, file := range files.Paths() {
		if formOf(file) != formJSON || file == assetsIndex || up.known(file).plain || !mayReferToAsset(files[file]) {
			continue
		}
		doc, err := parse(files[file])
		if err != nil {
			continue // reported when it was decoded
		}
		in.names[file] = map[string]string{}
		doc = eachString(doc, "", "", func(key, pointer, s string) string {
			name, ok := strings.CutPrefix(s, assetPrefix)
			if !ok {
				return s
			}
			content, ok := files[assetsFolder+name]
			text := ""
			if ok {
				text, ok = assetText(name, content)
			}
			if !ok && unread[assetsFolder+name] {
				return s
			}
			if !ok {
				ps.add(Error, file, pointer, CodeAsset, nearest(name, assetFiles(files)), "the asset %q is not in the snapshot", printablePath(name))
				return s
			}
			if strings.HasPrefix(text, assetPrefix) {
				ps.add(Error, assetsFolder+name, "", CodeAsset, "", "the content of an asset must not be a reference to another")
			}
			if formOf(name) == formText {
				content = []byte(text)
			}
			in.used[assetsFolder+name] = Sum(content)
			if derived, _, ok := deriveAsset(key, text); (!ok || derived != name) && !ofAnother(name, text) {
				in.names[file][pointer], in.texts[name] = name, text
			}
			return text
		})
		files[file] = render(doc)
	}
	delete(files, assetsIndex)
	for file := range in.used {
		delete(files, file)
	}
	return in
}

func assetFiles(files Files) []string {
	var out []string
	for file := range files {
		if name, ok := strings.CutPrefix(file, assetsFolder); ok && file != assetsIndex {
			out = append(out, name)
		}
	}
	return out
}

// extractAssets takes the long texts and the images out of the documents of an
// export, and writes the index.
func extractAssets(files Files) {
	odd := assetNames(files[assetsIndex])
	mapping := map[string]any{}
	for _, file := range files.Paths() {
		if formOf(file) != formJSON || file == assetsIndex || len(odd[file]) == 0 && !mayHoldAsset(files[file]) {
			continue
		}
		doc, err := parse(files[file])
		if err != nil {
			continue
		}
		leaves := map[string]string{}
		doc = eachString(doc, "", "", func(key, pointer, s string) string {
			name, content, ok := deriveAsset(key, s)
			if given := odd[file][pointer]; given != "" {
				if b, fits := assetContent(given, s); fits && free(files, given, b) {
					name, content, ok = given, b, true
				}
			}
			if !ok || !free(files, name, content) {
				return s
			}
			files[assetsFolder+name] = content
			leaves[pointer] = name
			return assetPrefix + name
		})
		if len(leaves) > 0 {
			mapping[file] = shape(doc, leaves)
			files[file] = render(doc)
		}
	}
	if _, kept := files[assetsIndex]; kept || len(mapping) > 0 {
		files[assetsIndex] = render(map[string]any{"mapping": mapping})
	}
}

// free reports whether an asset of that name may have that content: another
// text may have the name already, and then this one stays where it is.
func free(files Files, name string, content []byte) bool {
	was, taken := files[assetsFolder+name]
	return !taken || bytes.Equal(was, content)
}

// assetContent is the content of an asset file of a given name that assetText
// would read as s, or false where there is none.
func assetContent(name, s string) ([]byte, bool) {
	content := []byte(s)
	if formOf(name) == formImage {
		text, ok := strings.CutPrefix(s, "data:"+imageTypes[path.Ext(name)]+";base64,")
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if !ok || err != nil {
			return nil, false
		}
		content = b
	}
	back, ok := assetText(name, content)
	return content, ok && back == s
}

// hasRun reports whether a document without quotation marks inside of its strings
// has more than minTextAsset bytes in a row without one. As most strings are
// short, it looks at few of the bytes.
func hasRun(doc []byte) bool {
	for len(doc) > minTextAsset {
		last := bytes.LastIndexByte(doc[:minTextAsset], '"')
		if last < 0 {
			return true
		}
		doc = doc[last+1:]
	}
	return false
}

// mayHoldAsset reports whether a document has a string that is long or an
// image; it only looks at the bytes.
func mayHoldAsset(doc []byte) bool {
	if holds(doc, `"data:image`, '/', "") {
		return true
	}
	if !holds(doc, "", '\\', `"`) {
		return hasRun(doc)
	}
	start := -1
	for i := 0; i < len(doc); i++ {
		switch {
		case doc[i] == '\\' && start >= 0:
			i++
		case doc[i] == '"' && start < 0:
			start = i
		case doc[i] == '"':
			if i-start > minTextAsset {
				return true
			}
			start = -1
		}
	}
	return false
}

// holds reports whether mark is anywhere in doc between those two. To go from mark
// to mark, where there are few, is many times faster than bytes.Contains, which
// looks at each byte by itself once the first one of what it looks for is frequent.
func holds(doc []byte, before string, mark byte, after string) bool {
	for {
		i := bytes.IndexByte(doc, mark)
		if i < 0 {
			return false
		}
		if bytes.HasSuffix(doc[:i], []byte(before)) && bytes.HasPrefix(doc[i+1:], []byte(after)) {
			return true
		}
		doc = doc[i+1:]
	}
}
