package infra

import (
	"maps"
	"slices"
	"strings"

	"postern/internal/snapshot"
)

// bundles are folders, each with metadata, screens and perhaps contents; the
// data has each as one object, in a map by its id.
type bundles struct {
	kind     string
	id       string // the member that repeats the id
	folder   string
	member   string // of the index
	contents bool
	inner    *bundles // bundles that these bring along, in a list
	innerIDs string   // the member of the metadata that names them
}

func (b bundles) index() string { return b.folder + "/" + b.member + ".json" }

func machineID(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

func (bundles) settle(*writer, string, any) {}

func (b bundles) write(w *writer, pointer string, v any) {
	sent, ok := v.(map[string]any)
	if !ok {
		w.breach(pointer, "must be of type object")
		return
	}
	var order []string
	was, _ := w.was(b.index()).(map[string]any)
	before, _ := texts(was[b.member])
	for _, id := range before {
		_, there := sent[id]
		if snapshot.Builtin(b.kind, id) {
			b.keep(w, id)
		}
		if there || snapshot.Builtin(b.kind, id) {
			order = append(order, id)
		}
	}
	inner := map[string]any{}
	for _, id := range sortedKeys(sent) {
		here := pointer + "/" + escape(id)
		item, ok := sent[id].(map[string]any)
		switch {
		case !machineID(id):
			w.breach(here, "must have an id of letters, digits, - and _, as every %s", b.kind)
			continue
		case snapshot.Builtin(b.kind, id):
			w.breach(here, "is a built-in %s, which is not listed here", b.kind)
			continue
		case !ok:
			w.breach(here, "must be of type object")
			continue
		}
		if !slices.Contains(order, id) {
			order = append(order, id)
		}
		if b.inner != nil {
			b.collect(w, here, item, inner)
		}
		b.one(w, here, id, item)
	}
	index := w.doc(b.index())
	if order == nil {
		order = []string{}
	}
	index[b.member] = anys(order)
	w.mark(index, mark{at: pointer, whole: true})
	if b.inner != nil {
		b.writeInner(w, pointer, order, inner)
	}
}

// collect takes the bundles that one brings along out of it.
func (b bundles) collect(w *writer, pointer string, item, into map[string]any) {
	list := item[b.inner.member]
	if list == nil {
		return
	}
	items, ok := w.objects(pointer+"/"+b.inner.member, list)
	if !ok {
		return
	}
	metadata, _ := item["metadata"].(map[string]any)
	ids, _ := texts(metadata[b.innerIDs])
	for i, sub := range items {
		id := text(sub, b.inner.id)
		if !machineID(id) {
			w.breach(pointer+"/"+b.inner.member+"/"+number(i)+"/"+b.inner.id, "must be an id of letters, digits, - and _")
			continue
		}
		into[id] = sub
		if metadata != nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
			metadata[b.innerIDs] = anys(ids)
		}
	}
}

// writeInner writes the bundles that others brought along, beside those that a
// built-in one needs.
func (b bundles) writeInner(w *writer, pointer string, outer []string, sent map[string]any) {
	was, _ := w.was(b.inner.index()).(map[string]any)
	if was == nil && len(sent) == 0 {
		return
	}
	kept := map[string]bool{}
	for _, id := range outer {
		if snapshot.Builtin(b.kind, id) {
			ids, _ := texts(w.doc(b.folder + "/" + id + "/metadata.json")[b.innerIDs])
			for _, inner := range ids {
				kept[inner] = true
			}
		}
	}
	order := []string{}
	before, _ := texts(was[b.inner.member])
	for _, id := range before {
		_, there := sent[id]
		if !there && kept[id] {
			b.inner.keep(w, id)
		}
		if there || kept[id] {
			order = append(order, id)
		}
	}
	for _, id := range sortedKeys(sent) {
		item, _ := sent[id].(map[string]any)
		b.inner.one(w, pointer, id, item)
		if !slices.Contains(order, id) {
			order = append(order, id)
		}
	}
	index := w.doc(b.inner.index())
	index[b.inner.member] = anys(order)
	w.mark(index, mark{at: pointer, whole: true})
}

// keep takes the stored files of a bundle over.
func (b bundles) keep(w *writer, id string) {
	for path := range w.old {
		if strings.HasPrefix(path, b.folder+"/"+id+"/") {
			w.doc(path)
		}
	}
}

// one writes the files of a bundle.
func (b bundles) one(w *writer, pointer, id string, item map[string]any) {
	folder := b.folder + "/" + id + "/"
	metadata, ok := item["metadata"].(map[string]any)
	if !ok {
		w.breach(pointer+"/metadata", "must be of type object")
		return
	}
	contents, ok := item["contents"].(map[string]any)
	if b.contents && !ok {
		w.breach(pointer+"/contents", "must be of type object")
		return
	}
	metadata = maps.Clone(metadata)
	w.mark(metadata, mark{at: pointer + "/metadata"})
	if refs, ok := item["references"].(map[string]any); ok && len(refs) > 0 {
		metadata["references"] = refs
		w.mark(refs, mark{at: pointer + "/references"})
	}
	w.out[folder+"metadata.json"] = metadata
	if b.contents {
		w.mark(contents, mark{at: pointer + "/contents"})
		w.out[folder+"contents.json"] = contents
	}
	metadata["screens"] = []any{}
	if item["screens"] == nil {
		return
	}
	screens, ok := w.objects(pointer+"/screens", item["screens"])
	if !ok {
		return
	}
	names := screenNames(screens, contents, b.contents)
	for i, screen := range screens {
		w.mark(screen, mark{at: pointer + "/screens/" + number(i)})
		w.out[folder+"screen-"+names[i]+".json"] = screen
	}
	slices.Sort(names)
	metadata["screens"] = anys(names)
}

// screenNames returns the names that the files of screens have: what the task
// of a flow is called that shows it, with the end of its id where two would have
// the same. The screens of widgets are called as their ids.
func screenNames(screens []map[string]any, contents map[string]any, flow bool) []string {
	called := map[string]string{}
	tasks, _ := contents["tasks"].(map[string]any)
	for _, k := range sortedKeys(tasks) {
		task, _ := tasks[k].(map[string]any)
		if id := text(task, "screenId"); id != "" && called[id] == "" {
			called[id] = kebab(text(task, "name"))
		}
	}
	count := map[string]int{}
	base := make([]string, len(screens))
	for i, s := range screens {
		id := text(s, "screenId")
		switch {
		case !flow:
			base[i] = kebab(id)
		case called[id] == "" || called[id] == "new-screen":
			base[i] = strings.TrimPrefix(id, "SC")
		default:
			base[i] = called[id]
		}
		count[base[i]]++
	}
	used := map[string]bool{}
	for i, s := range screens {
		id := text(s, "screenId")
		if count[base[i]] > 1 && len(id) > 4 {
			base[i] += "-" + id[len(id)-4:]
		}
		if !machineID(base[i]) {
			base[i] = kebab(base[i])
		}
		base[i] = free(base[i], "screen", used)
	}
	return base
}

func (b bundles) read(r *reader) any {
	out := map[string]any{}
	ids, _ := texts(r.doc(b.index())[b.member])
	for _, id := range ids {
		if snapshot.Builtin(b.kind, id) {
			continue
		}
		if item := b.readOne(r, id); item != nil {
			out[id] = item
		}
	}
	return out
}

func (b bundles) readOne(r *reader, id string) map[string]any {
	folder := b.folder + "/" + id + "/"
	metadata, _ := snapshot.Clone(any(r.doc(folder + "metadata.json"))).(map[string]any)
	if metadata == nil {
		return nil
	}
	out := map[string]any{b.id: id, "metadata": metadata, "references": map[string]any{}}
	screens := []any{}
	names, _ := texts(metadata["screens"])
	for _, name := range names {
		if screen := r.doc(folder + "screen-" + name + ".json"); screen != nil {
			screens = append(screens, snapshot.Clone(screen))
		}
	}
	out["screens"] = screens
	delete(metadata, "screens")
	if refs := metadata["references"]; refs != nil {
		out["references"] = refs
		delete(metadata, "references")
	}
	if b.contents {
		out["contents"] = snapshot.Clone(r.doc(folder + "contents.json"))
	}
	if b.inner != nil {
		inner := []any{}
		ids, _ := texts(metadata[b.innerIDs])
		for _, id := range ids {
			if item := b.inner.readOne(r, id); item != nil {
				inner = append(inner, item)
			}
		}
		out[b.inner.member] = inner
	}
	return out
}
