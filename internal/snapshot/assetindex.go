package snapshot

import (
	"bytes"
	"strconv"
	"strings"
)

// The names of assets follow from their texts, so a configuration need not hold
// them. Where an upload names one otherwise, the index keeps the name, and an
// export gives it again.

// nameAssets makes the index of the configuration that an upload makes: the
// names that the upload gives, and those of the target whose text stays.
func (c *checker) nameAssets(in *inlined, d *draft) error {
	if at, _ := locate(assetsIndex); c.ex.section(at) {
		return nil
	}
	had, there := c.base.Tree[assetsIndex]
	was := map[string]map[string]string{}
	if there {
		contents, err := c.base.Load(list(had))
		if err != nil {
			return err
		}
		was = assetNames(contents[had])
	}
	mapping, taken := map[string]any{}, map[string]bool{}
	for _, file := range sortedKeys(in.names) {
		if _, stays := c.up.Files[file]; !stays {
			continue // excluded, or in no index
		}
		doc := d.final(file, c.up.Files)
		leaves := map[string]string{}
		for pointer, name := range in.names[file] {
			if lookupPointer(doc, pointer) == any(in.texts[name]) { // not so where a secret was taken out
				leaves[pointer], taken[name] = name, true
			}
		}
		note(mapping, file, doc, leaves)
	}
	for _, file := range sortedKeys(was) {
		doc, leaves, err := c.unchanged(file, in, d, was[file])
		if err != nil {
			return err
		}
		for pointer, name := range leaves {
			if taken[name] || c.occupied(name, lookupPointer(doc, pointer)) {
				delete(leaves, pointer)
			}
		}
		note(mapping, file, doc, leaves)
	}
	c.dropAssets(in, taken)
	if len(mapping) > 0 || there || in.indexed && len(in.used) == 0 {
		c.up.Files[assetsIndex] = render(map[string]any{"mapping": mapping})
	}
	return nil
}

// occupied reports whether an asset that the upload brings, and nothing refers to,
// has the name that the target gives to another text: an export could not give
// it to both.
func (c *checker) occupied(name string, text any) bool {
	brought, there := c.up.Files[assetsFolder+name]
	if !there {
		return false
	}
	s, _ := text.(string)
	content, fits := assetContent(name, s)
	return !fits || !bytes.Equal(content, brought)
}

// final returns the document that becomes of a file of the upload.
func (d *draft) final(file string, files Files) any {
	if doc, ok := d.docs[file]; ok {
		return apply(doc.value(), d.edits[file])
	}
	doc, _ := parse(files[file]) // an unknown file; it was read before
	return doc
}

// unchanged returns those of the target's names of assets in a file whose text
// the upload leaves, and the document.
func (c *checker) unchanged(file string, in *inlined, d *draft, leaves map[string]string) (any, map[string]string, error) {
	digest, there := c.base.Tree[file]
	_, brought := c.up.Files[file]
	_, stays := c.tree[file]
	if !there || !stays && !brought || brought && (in.indexed || len(in.names[file]) > 0) {
		return nil, nil, nil
	}
	contents, err := c.base.Load(list(digest))
	if err != nil {
		return nil, nil, err
	}
	doc, err := parse(contents[digest])
	if err != nil || !brought {
		return doc, leaves, err
	}
	now := d.final(file, c.up.Files)
	kept := map[string]string{}
	for pointer, name := range leaves {
		if text, ok := lookupPointer(now, pointer).(string); ok && lookupPointer(doc, pointer) == any(text) {
			kept[pointer] = name
		}
	}
	return now, kept, nil
}

// dropAssets takes away the target's assets that nothing refers to and that an
// upload with an index does not have, or whose name it gives to another text.
func (c *checker) dropAssets(in *inlined, taken map[string]bool) {
	for file := range c.tree {
		name, ok := strings.CutPrefix(file, assetsFolder)
		used, again := in.used[file]
		if ok && file != assetsIndex && (in.indexed || taken[name]) && !(again && used == c.tree[file]) {
			delete(c.tree, file)
		}
	}
}

func note(mapping map[string]any, file string, doc any, leaves map[string]string) {
	if len(leaves) > 0 {
		mapping[file] = shape(doc, leaves)
	}
}

// shape returns a copy of doc with only the given leaves, by pointer, as the
// index of assets has it.
func shape(doc any, leaves map[string]string) any {
	var out any
	for _, pointer := range sortedKeys(leaves) {
		out = plant(doc, out, strings.Split(pointer[1:], "/"), leaves[pointer])
	}
	return out
}

// plant puts a leaf into the copy out of doc, which grows as needed.
func plant(doc, out any, segs []string, leaf string) any {
	if len(segs) == 0 {
		return leaf
	}
	k := unescapePointer(segs[0])
	if list, ok := doc.([]any); ok {
		copied, _ := out.([]any)
		if copied == nil {
			copied = make([]any, len(list)) // null for an item that has none
		}
		i, _ := strconv.Atoi(k)
		copied[i] = plant(list[i], copied[i], segs[1:], leaf)
		return copied
	}
	copied, _ := out.(map[string]any)
	if copied == nil {
		copied = map[string]any{}
	}
	copied[k] = plant(child(doc, k), copied[k], segs[1:], leaf)
	return copied
}

// leavesOf is the inverse of shape.
func leavesOf(v any) map[string]string {
	leaves := map[string]string{}
	eachString(v, "", "", func(_, pointer, s string) string {
		leaves[pointer] = s
		return s
	})
	return leaves
}

// assetNames reads an index: for each file the names of assets by pointer.
func assetNames(index []byte) map[string]map[string]string {
	out := map[string]map[string]string{}
	doc, err := parse(index)
	if err != nil {
		return out
	}
	mapping, _ := child(doc, "mapping").(map[string]any)
	for file, v := range mapping {
		out[file] = leavesOf(v)
	}
	return out
}
